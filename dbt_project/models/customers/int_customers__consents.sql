with statements as (

    select
        consent_event_id as statement_id,
        account_id,
        member_id,
        email_match,
        phone_match,
        purpose,
        medium,
        status,
        effective_at,
        expires_at
    from {{ ref('stg_consent__events') }}
    where has_subject and effective_at < {{ as_of_end() }}

),

records as (

    select
        customer_id,
        source,
        source_record_id,
        email_match,
        phone_match
    from {{ ref('int_customers__person_records') }}

),

customer_records as (

    select customer_id, source, source_record_id
    from {{ ref('customer_records') }}
    where source in ('shop.accounts', 'loyalty.members') and valid_to is null

),

contact_points as (

    select
        kind,
        match_value,
        customer_id
    from {{ ref('int_customers__contact_points') }}

),

subscribers as (

    select
        subscriber_id,
        unsubscribed_at
    from {{ ref('stg_newsletter__subscribers') }}
    where unsubscribed_at < {{ as_of_end() }}

),

outcomes as (

    select
        channel,
        match_value,
        last_refused_at
    from {{ ref('int_customers__message_outcomes') }}
    where last_refused_at is not null

),

by_key as (

    select
        customer_records.customer_id,
        statements.*
    from statements
    inner join customer_records
        on
            customer_records.source = 'shop.accounts'
            and statements.account_id = customer_records.source_record_id
    union all
    select
        customer_records.customer_id,
        statements.*
    from statements
    inner join customer_records
        on
            customer_records.source = 'loyalty.members'
            and statements.member_id = customer_records.source_record_id

),

held as (

    select distinct
        'email' as kind,
        email_match as match_value,
        customer_id
    from records
    where email_match is not null
    union all
    select distinct
        'phone' as kind,
        phone_match as match_value,
        customer_id
    from records
    where phone_match is not null

),

addresses as (

    -- what is granted by an address counts for who alone holds it; what is refused counts for
    -- everybody who does
    select
        held.kind,
        held.match_value,
        held.customer_id,
        contact_points.customer_id is not null as is_sole_holder
    from held
    left join contact_points
        on held.kind = contact_points.kind and held.match_value = contact_points.match_value

),

by_address as (

    select
        addresses.customer_id,
        statements.*
    from statements
    inner join addresses
        on addresses.kind = 'email' and statements.email_match = addresses.match_value
    where addresses.is_sole_holder or statements.status <> 'granted'
    union all
    select
        addresses.customer_id,
        statements.*
    from statements
    inner join addresses
        on addresses.kind = 'phone' and statements.phone_match = addresses.match_value
    where addresses.is_sole_holder or statements.status <> 'granted'

),

left_newsletter as (

    select
        records.customer_id,
        subscribers.unsubscribed_at as effective_at
    from subscribers
    inner join records
        on
            records.source = 'newsletter.subscribers'
            and subscribers.subscriber_id = records.source_record_id

),

refused_messages as (

    select
        addresses.customer_id,
        outcomes.channel as medium,
        outcomes.last_refused_at as effective_at
    from outcomes
    inner join addresses
        on
            outcomes.match_value = addresses.match_value
            and addresses.kind = case outcomes.channel when 'sms' then 'phone' else 'email' end

),

said as (

    select
        customer_id,
        purpose,
        medium,
        status,
        effective_at,
        expires_at
    from by_key
    union all
    select
        customer_id,
        purpose,
        medium,
        status,
        effective_at,
        expires_at
    from by_address
    union all
    -- who unsubscribes or complains has withdrawn, whatever the ledger says until then
    select
        customer_id,
        'marketing' as purpose,
        'email' as medium,
        'withdrawn' as status,
        effective_at,
        cast(null as timestamp) as expires_at
    from left_newsletter
    union all
    select
        customer_id,
        'marketing' as purpose,
        medium,
        'withdrawn' as status,
        effective_at,
        cast(null as timestamp) as expires_at
    from refused_messages

),

media as (

    select
        medium,
        medium as covered_by
    from {{ ref('consent_media') }}
    union all
    select
        medium,
        'any' as covered_by
    from {{ ref('consent_media') }}

),

covered as (

    select
        said.customer_id,
        said.purpose,
        media.medium,
        said.status,
        said.effective_at,
        said.expires_at,
        case said.status when 'withdrawn' then 1 when 'denied' then 2 else 3 end as restrictiveness
    from said
    inner join media on said.medium = media.covered_by

),

latest as (

    -- of several at one moment the most restrictive
    select *
    from covered
    qualify
        row_number() over (
            partition by customer_id, purpose, medium
            order by effective_at desc, restrictiveness asc, expires_at asc nulls last
        ) = 1

)

select
    -- ids
    customer_id,
    purpose,
    medium,

    -- properties
    case
        when status = 'granted' and expires_at <= {{ as_of_end() }} then 'expired' else status
    end as status,
    status = 'granted' and coalesce(expires_at > {{ as_of_end() }}, true) as is_allowed,

    -- timestamps
    effective_at,
    expires_at
from latest
