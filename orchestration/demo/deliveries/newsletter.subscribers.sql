-- A form with one field that must be filled in.
select
    written.record_id as subscriber_id,
    written.email,
    written.first_name,
    iso(written.created_at) as subscribed_at,
    if(written.is_unsubscribed, iso(subscribers.unsubscribed_at), null) as unsubscribed_at,
    if(written.is_unsubscribed, iso(greatest(written.updated_at, subscribers.unsubscribed_at)), iso(written.updated_at)) as updated_at,
    written.landed_on
from written
inner join subscribers on written.person_id = subscribers.person_id
where
    written.system = 'newsletter.subscribers'
    and written.landed_on between getvariable('since') and getvariable('day')
order by written.landed_on, written.record_no, written.version_no, written.copy_no
