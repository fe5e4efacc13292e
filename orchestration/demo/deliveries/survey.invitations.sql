select
    'I' || cast(asks.ask_no as varchar) as invitation_id,
    if(asks.kind <= 2, 'nps', 'csat') as survey,
    survey_waves.wave,
    case
        when asks.kind = 3 and (tickets.is_stranger or tickets.requester_email is not null) then tickets.requester_email
        else coalesce(email_changes.old_email, people.email)
    end as email,
    case
        when tickets.is_stranger then null
        when asks.kind in (2, 4) then orders.account_id
        when draw(asks.ask_no, 'asked by account') < 0.7 then identities.account_id
    end as account_id,
    case
        when tickets.is_stranger then null
        when asks.kind = 1 then identities.member_id
    end as member_id,
    to_utc(desk_clock(asks.sent), desk_zone()) as sent_at,
    asks.landed_on
from survey_asks as asks
inner join people on asks.person_id = people.person_id
inner join identities on asks.person_id = identities.person_id
left join survey_waves on asks.wave_no = survey_waves.wave_no
left join tickets on case when asks.kind = 3 then asks.subject_no end = tickets.ticket_no
left join orders on case when asks.kind in (2, 4) then asks.subject_no end = orders.occasion_id
left join email_changes on asks.person_id = email_changes.person_id and desk_day(asks.sent) < email_changes.changed_on
where asks.landed_on between getvariable('since') and getvariable('day')
order by asks.landed_on, asks.ask_no
