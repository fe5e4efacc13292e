-- One row per person, purpose and medium that some statement covers: what holds at the end of the
-- last day in the retailer's time zone. The latest statement wins, of several at one moment the most
-- restrictive (withdrawn, then denied, then granted); a statement about any medium counts for each;
-- a grant that has run out is 'expired'. is_allowed: granted and not run out. What is not listed was
-- never asked and is not granted. is_contradicted: at that moment two sources said different things.
with covered as (

    select
        person_id,
        purpose,
        unnest(if(medium = 'any', ['email', 'sms', 'push', 'post', 'phone', 'web'], [medium])) as medium,
        status,
        effective_at,
        expires_at,
        source
    from consent_events

),

ranked as (

    select
        *,
        row_number() over resolution as place,
        min(status) over same_moment <> max(status) over same_moment as is_contradicted
    from covered
    where effective_at < to_utc(cast(last_day() + 1 as timestamp), 'America/New_York')
    window
        resolution as (
            partition by person_id, purpose, medium
            order by effective_at desc, list_position(['withdrawn', 'denied', 'granted'], status), expires_at, source
        ),
        same_moment as (partition by person_id, purpose, medium, effective_at)

)

select
    'person-' || cast(person_id as varchar) as person_id,
    purpose,
    medium,
    case
        when status = 'granted' and expires_at <= to_utc(cast(last_day() + 1 as timestamp), 'America/New_York') then 'expired'
        else status
    end as status,
    status = 'granted'
    and coalesce(expires_at > to_utc(cast(last_day() + 1 as timestamp), 'America/New_York'), true) as is_allowed,
    is_contradicted,
    effective_at
from ranked
where place = 1
order by ranked.person_id, purpose, medium
