-- One row per campaign and segment: 'all', or the loyalty tier ('none' for those without a card). What
-- the campaign truly does to the share of people who buy at least once between their assignment and
-- the end of its last day.
-- true_lift: mean over all assigned people, of both arms, of what they would do with the offer minus
-- what they would do without it; a purchase counts when it is an order not cancelled or stands on a
-- receipt with a loyalty number. is_null: nobody can be moved. is_causal_readable: arms were drawn
-- by lot, so that their difference estimates true_lift. has_pull_forward: who was moved left out the
-- next purchase of the 30 days after.
with counting as (

    -- what counts as a purchase: everybody can see it in the feeds
    select
        occasions.person_id,
        occasions.bought_at,
        occasions.bought_on,
        occasions.is_extra
    from occasions
    inner join identities on occasions.person_id = identities.person_id
    left join orders on occasions.occasion_id = orders.occasion_id
    where not coalesce(orders.is_cancelled, identities.member_id is null)

),

stopped as (

    -- who would have stayed away: with the offer only the first and last day's purchases are left
    select
        responses.campaign_no,
        responses.person_id,
        count_if(
            counting.bought_at >= campaigns.window_start
            and counting.bought_at < campaigns.window_end
        ) > 0 as buys_anyway,
        count_if(
            counting.bought_at >= campaigns.window_start
            and counting.bought_at < campaigns.window_end
            and (counting.bought_on <= campaigns.starts_on or counting.bought_on >= campaigns.ends_on)
        ) > 0 as buys_on_edges
    from responses
    inner join campaigns on responses.campaign_no = campaigns.campaign_no
    left join counting on responses.person_id = counting.person_id
    where responses.would_stop
    group by responses.campaign_no, responses.person_id

),

missed as (

    -- what the treated among them would have bought
    select
        missed_occasions.campaign_no,
        missed_occasions.person_id
    from missed_occasions
    inner join identities on missed_occasions.person_id = identities.person_id
    where
        missed_occasions.fate = 'stopped'
        and if(
            missed_occasions.is_store,
            identities.member_id is not null,
            draw(missed_occasions.occasion_id, 'order cancelled') >= 0.03
        )
    group by missed_occasions.campaign_no, missed_occasions.person_id

),

changes as (

    select campaign_no, person_id, 1 as change
    from responses
    where would_add

    union all

    select
        stopped.campaign_no,
        stopped.person_id,
        cast(stopped.buys_on_edges as integer)
        - cast(stopped.buys_anyway or missed.person_id is not null as integer)
    from stopped
    left join missed on stopped.campaign_no = missed.campaign_no and stopped.person_id = missed.person_id

),

assigned as (

    select
        assignments.campaign_no,
        assignments.segment,
        assignments.arm,
        coalesce(changes.change, 0) as change
    from assignments
    left join changes
        on assignments.campaign_no = changes.campaign_no and assignments.person_id = changes.person_id

),

counted as (

    select
        campaign_no,
        coalesce(segment, 'all') as segment,
        count(*) as assigned_count,
        count_if(arm = 'treatment') as treated_count,
        count_if(arm = 'control') as control_count,
        sum(change) as change
    from assigned
    group by grouping sets ((campaign_no), (campaign_no, segment))

)

select
    campaigns.campaign_id,
    counted.segment,
    'conversion' as metric,
    counted.assigned_count,
    cast(counted.treated_count as bigint) as treated_count,
    cast(counted.control_count as bigint) as control_count,
    cast(counted.change / counted.assigned_count as double) as true_lift,
    campaigns.stop_share + case counted.segment
        when 'gold' then campaigns.gold_add
        when 'silver' then campaigns.silver_add
        when 'bronze' then campaigns.bronze_add
        when 'none' then campaigns.none_add
        else campaigns.gold_add + campaigns.silver_add + campaigns.bronze_add + campaigns.none_add
    end = 0 as is_null,
    campaigns.is_random and not campaigns.has_broken_randomisation as is_causal_readable,
    campaigns.has_pull_forward,
    campaigns.reason
from counted
inner join campaigns on counted.campaign_no = campaigns.campaign_no
order by campaigns.campaign_id, counted.segment
