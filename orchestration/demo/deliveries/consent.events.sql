-- The ledger that collects what the other systems were told; one row in 200 comes twice.
select
    'E' || cast(consent_events.consent_no as varchar) as consent_event_id,
    consent_events.email,
    consent_events.phone,
    consent_events.account_id,
    consent_events.member_id,
    consent_events.purpose,
    consent_events.medium,
    consent_events.status,
    iso(consent_events.effective_at) as effective_at,
    iso(consent_events.expires_at) as expires_at,
    consent_events.source,
    consent_events.landed_on
from consent_events
cross join range(0, 2) as copies (copy_no)
where
    consent_events.landed_on between getvariable('since') and getvariable('day')
    and (copies.copy_no = 0 or draw(consent_events.consent_no, 'consent sent twice') < 0.005)
order by consent_events.landed_on, consent_events.consent_no, copies.copy_no
