-- One row per device that the web feed names. kind: own, shared (a household's tablet), kiosk (in a
-- store), bot, or anonymous (a stranger's, never to be stitched). person_id: whose it is; null for
-- the others and for all but own. person_count: people who used it, as far as they are people of
-- this world. first_known_on: day of the delivery with its first event that carries an account;
-- null when there is none.
with used as (

    select
        device_key,
        count(distinct person_id) as person_count,
        max(person_id) as a_person_id,
        min(landed_on) filter (where account > 0) as first_known_on,
        max(kind = 'bot') as is_bot
    from sessions
    where landed_on <= last_day()
    group by device_key

)

select
    device_id(device_key) as device_id,
    if(device_key between 1 and 999999999999, 'person-' || cast(device_key // 10 as varchar), null) as person_id,
    case
        when is_bot then 'bot'
        when device_key < 0 then 'shared'
        when device_key >= 3000000000000 then 'kiosk'
        when device_key >= 1000000000000 then 'anonymous'
        else 'own'
    end as kind,
    person_count,
    first_known_on
from used
order by device_key
