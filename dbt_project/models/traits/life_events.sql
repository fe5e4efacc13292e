with customer_records as (

    select
        customer_id,
        source,
        source_record_id
    from {{ ref('customer_records') }}
    where valid_to is null

),

changes as (

    select
        'crm.contacts' as source,
        contact_id as source_record_id,
        changed_at,
        is_new_address,
        is_new_last_name or is_newly_married as is_new_member,
        is_new_workplace
    from {{ ref('stg_crm__contact_changes') }}
    union all
    select
        'shop.accounts' as source,
        account_id as source_record_id,
        changed_at,
        is_new_address,
        is_new_last_name or is_newly_married as is_new_member,
        is_new_workplace
    from {{ ref('stg_shop__account_changes') }}
    union all
    select
        'loyalty.members' as source,
        member_id as source_record_id,
        changed_at,
        is_new_address,
        is_new_last_name or is_newly_married as is_new_member,
        is_new_workplace
    from {{ ref('stg_loyalty__member_changes') }}

),

own_changes as (

    select
        customer_records.customer_id,
        changes.changed_at,
        changes.is_new_address,
        changes.is_new_member,
        changes.is_new_workplace
    from changes
    inner join customer_records
        on
            changes.source = customer_records.source
            and changes.source_record_id = customer_records.source_record_id
    where changes.changed_at < {{ as_of_end() }}

),

parcels as (

    select
        customer_records.customer_id,
        orders.ordered_at,
        orders.shipping_postcode_match as postcode,
        lag(orders.shipping_postcode_match) over (
            partition by customer_records.customer_id order by orders.ordered_at, orders.order_id
        ) as postcode_before,
        lead(orders.shipping_postcode_match) over (
            partition by customer_records.customer_id order by orders.ordered_at, orders.order_id
        ) as postcode_after,
        row_number() over (
            partition by customer_records.customer_id, orders.shipping_postcode_match
            order by orders.ordered_at, orders.order_id
        ) as visit
    from {{ ref('stg_shop__orders') }} as orders
    inner join customer_records
        on
            customer_records.source = 'shop.accounts'
            and orders.account_id = customer_records.source_record_id
    where
        orders.shipping_postcode_match is not null
        and not orders.is_gift
        and not orders.is_cancelled
        and orders.ordered_at < {{ as_of_end() }}

),

records as (

    select
        customer_id,
        source,
        source_record_id,
        entered_at,
        postcode_match as postcode
    from {{ ref('int_customers__person_records') }}
    where postcode_match is not null and entered_at < {{ as_of_end() }}

),

home_purchase_days as (

    select
        acts.customer_id,
        acts.acted_on
    from {{ ref('int_traits__product_interactions') }} as acts
    inner join {{ ref('stg_catalogue__products') }} as products
        on acts.product_id = products.product_id
    where
        acts.kind = 'purchase'
        and lower(products.category) in ({{ quoted_list(var('home_categories')) }})
    group by acts.customer_id, acts.acted_on

),

home_goods as (

    select
        customer_id,
        acted_on,
        count(*) over (
            partition by customer_id order by acted_on
            range between interval '30' day preceding and current row
        ) as recent_count,
        count(*) over (partition by customer_id) as total_count,
        {{ days_between(
            'min(acted_on) over (partition by customer_id)', as_of()
        ) }} + 1 as observed_days
    from home_purchase_days

),

signals as (

    select
        customer_id,
        'moved_home' as kind,
        'declared_address' as family,
        changed_at as seen_at
    from own_changes
    where is_new_address
    union all
    select
        customer_id,
        'new_household_member' as kind,
        'declared_name_or_marriage' as family,
        changed_at as seen_at
    from own_changes
    where is_new_member
    union all
    select
        customer_id,
        'new_job' as kind,
        'declared_workplace' as family,
        changed_at as seen_at
    from own_changes
    where is_new_workplace
    union all
    -- a parcel may go to a friend; two in a row to where none went before hardly do
    select
        customer_id,
        'moved_home' as kind,
        'ship_to' as family,
        ordered_at as seen_at
    from parcels
    where visit = 1 and postcode <> postcode_before and postcode = postcode_after
    union all
    -- a new record in another place than all records before it
    select
        later.customer_id,
        'moved_home' as kind,
        'new_record' as family,
        later.entered_at as seen_at
    from records as later
    inner join records as earlier
        on later.customer_id = earlier.customer_id and later.entered_at > earlier.entered_at
    group by later.customer_id, later.source, later.source_record_id, later.entered_at
    having bool_and(later.postcode <> earlier.postcode)
    union all
    -- furnishing: as much in a month as otherwise in three
    select
        customer_id,
        'moved_home' as kind,
        'home_goods' as family,
        cast(acted_on as timestamp) as seen_at
    from home_goods
    where recent_count >= 3 and recent_count * observed_days >= 3 * 30 * total_count

),

supported as (

    -- each signal with what else was seen around it
    select
        signals.customer_id,
        signals.kind,
        signals.family,
        signals.seen_at,
        others.family as other_family
    from signals
    inner join signals as others
        on
            signals.customer_id = others.customer_id
            and signals.kind = others.kind
            and others.seen_at between
            signals.seen_at - interval '{{ var("life_event_signal_days") }}' day
            and signals.seen_at + interval '{{ var("life_event_signal_days") }}' day
    group by
        signals.customer_id, signals.kind, signals.family, signals.seen_at, others.family

),

found as (

    select
        customer_id,
        kind,
        seen_at,
        bool_or(other_family like 'declared%') as is_declared,
        count(*) as family_count
    from supported
    group by customer_id, kind, family, seen_at
    having
        bool_or(other_family like 'declared%')
        or count(*) >= {{ var('life_event_min_families') }}

),

started as (

    -- several signals of one event are one event
    select
        customer_id,
        kind,
        seen_at,
        is_declared,
        case
            when
                seen_at <= lag(seen_at) over (
                    partition by customer_id, kind order by seen_at
                ) + interval '{{ var("life_event_expires_days") }}' day
                then 0
            else 1
        end as is_start
    from found

),

numbered as (

    select
        customer_id,
        kind,
        seen_at,
        is_declared,
        sum(is_start) over (
            partition by customer_id, kind order by seen_at
            rows between unbounded preceding and current row
        ) as event_number
    from started

),

events as (

    select
        customer_id,
        kind,
        event_number,
        min(seen_at) as detected_at,
        max(seen_at) as last_evidence_at,
        bool_or(is_declared) as is_declared
    from numbered
    group by customer_id, kind, event_number

),

evidence as (

    select
        events.customer_id,
        events.kind,
        events.event_number,
        signals.family
    from events
    inner join signals
        on
            events.customer_id = signals.customer_id
            and events.kind = signals.kind
            and signals.seen_at between
            events.detected_at - interval '{{ var("life_event_signal_days") }}' day
            and events.last_evidence_at + interval '{{ var("life_event_signal_days") }}' day
    group by events.customer_id, events.kind, events.event_number, signals.family

),

listed as (

    select
        customer_id,
        kind,
        event_number,
        {{ joined('family', ', ') }} as evidence,
        count(*) as evidence_count
    from evidence
    group by customer_id, kind, event_number

)

select
    -- ids
    events.customer_id,
    events.kind,

    -- properties
    events.is_declared,
    listed.evidence,
    'ordinary' as sensitivity,

    -- timestamps
    events.detected_at,
    events.last_evidence_at,
    cast(
        events.last_evidence_at + interval '{{ var("life_event_expires_days") }}' day as timestamp
    ) as expires_at,
    events.last_evidence_at + interval '{{ var("life_event_expires_days") }}' day
    <= {{ as_of_end() }} as is_expired,

    -- measures
    cast(listed.evidence_count as bigint) as evidence_count,
    -- each independent sign halves the doubt; one's own word leaves a tenth of it
    1 - power(0.5e0, listed.evidence_count)
    * case when events.is_declared then 0.2e0 else 1e0 end as confidence
from events
inner join listed
    on
        events.customer_id = listed.customer_id
        and events.kind = listed.kind
        and events.event_number = listed.event_number
