-- One row per person and channel by which messages go out. is_machine: a machine opens every e-mail
-- within a minute, so openings say nothing. is_dead: every message bounces. is_favourite: clicks on
-- a third of the messages; the others click on 2 %. has_stopped: unsubscribed or switched off.
select
    'person-' || cast(addressees.person_id as varchar) as person_id,
    case addressees.channel_no when 1 then 'email' when 2 then 'sms' else 'push' end as channel,
    addressees.click_rate > 0.1 as is_favourite,
    addressees.is_machine,
    addressees.is_dead,
    stopped.person_id is not null as has_stopped
from addressees
left join (
    select
        person_id,
        channel_no
    from reactions
    where kind = 'unsubscribed' and landed_on <= last_day()
) as stopped on addressees.person_id = stopped.person_id and addressees.channel_no = stopped.channel_no
order by addressees.person_id, addressees.channel_no
