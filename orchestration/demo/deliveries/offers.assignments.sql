-- Addressed under the loyalty number where there is one; both are as in `identities`.
select
    assignments.campaign_id,
    if(assignments.segment = 'none', null, 'L' || cast(assignments.person_id as varchar)) as member_id,
    if(assignments.segment = 'none', 'A' || cast(assignments.person_id as varchar), null) as account_id,
    assignments.arm,
    assignments.assigned_at,
    assignments.method,
    campaigns.starts_on as landed_on
from assignments
inner join campaigns on assignments.campaign_no = campaigns.campaign_no
where campaigns.starts_on between getvariable('since') and getvariable('day')
order by campaigns.starts_on, assignments.campaign_no, assignments.person_id
