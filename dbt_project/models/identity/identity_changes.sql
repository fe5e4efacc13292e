{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_version(source('ledger', 'state')) }}"
) }}

with state as (

    select version, changed_at, are_rules_changed
    from {{ source('ledger', 'state') }}

),

earlier as (

    select
        changed_at,
        ledger_version,
        kind,
        customer_id,
        other_customer_id,
        rule,
        evidence,
        cause
    from {{ source('ledger', 'changes') }}
    -- which are here already
    {{ 'where false' if follows_ledger() }}

),

known_customers as (

    select customer_id, state
    from {{ source('ledger', 'customers') }}

),

open_intervals as (

    select customer_id
    from {{ source('ledger', 'assignments') }}
    where valid_to is null

),

overridden_records as (

    select record_key
    from {{ source('ledger', 'overridden_records') }}

),

customers as (

    select customer_id, state
    from {{ ref('int_identity__customers') }}

),

assignments as (

    -- that are not as they were, or that somebody decided about
    select
        record_key,
        customer_id,
        previous_customer_id,
        is_changed,
        link_rule
    from {{ ref('int_identity__assignments') }}
    where
        is_changed
        or previous_customer_id is null
        or record_key in (select overridden_records.record_key from overridden_records)

),

moved as (

    select
        customer_id,
        previous_customer_id,
        link_rule
    from assignments
    where is_changed

),

retired_today as (

    select customers.customer_id
    from customers
    inner join known_customers on customers.customer_id = known_customers.customer_id
    where customers.state = 'retired' and known_customers.state = 'live'

),

records_before as (

    select customer_id, count(*) as record_count
    from open_intervals
    where
        customer_id in (select moved.previous_customer_id from moved)
        or customer_id in (select retired_today.customer_id from retired_today)
    group by customer_id

),

overridden_customers as (

    select assignments.customer_id
    from assignments
    inner join overridden_records on assignments.record_key = overridden_records.record_key
    union
    select assignments.previous_customer_id as customer_id
    from assignments
    inner join overridden_records on assignments.record_key = overridden_records.record_key
    where assignments.previous_customer_id is not null

),

flows as (

    -- records that went from one customer to another
    select
        customer_id,
        previous_customer_id,
        count(*) as record_count
    from moved
    group by customer_id, previous_customer_id

),

flow_rules as (

    -- the rule that links most of these records now
    select
        customer_id,
        previous_customer_id,
        link_rule
    from moved
    where link_rule not in ('own_key', 'seen_in_facts')
    group by customer_id, previous_customer_id, link_rule
    qualify row_number() over (
        partition by customer_id, previous_customer_id
        order by count(*) desc, link_rule
    ) = 1

),

exchanges as (

    select
        case
            when coalesce(known_customers.state, 'new') <> 'live' then 'split'
            when givers.state <> 'live' then 'merged'
            else 'moved'
        end as kind,
        flows.customer_id,
        flows.previous_customer_id as other_customer_id,
        case when known_customers.state = 'live' then flow_rules.link_rule end as rule,
        'records: ' || cast(flows.record_count as string)
        || ' of ' || cast(records_before.record_count as string) as evidence,
        case
            when
                takers_overridden.customer_id is not null
                or givers_overridden.customer_id is not null
                then 'override'
            when state.are_rules_changed then 'rules'
            else 'new_data'
        end as cause
    from flows
    cross join state
    inner join customers as givers on flows.previous_customer_id = givers.customer_id
    inner join records_before on flows.previous_customer_id = records_before.customer_id
    left join known_customers on flows.customer_id = known_customers.customer_id
    left join flow_rules
        on
            flows.customer_id = flow_rules.customer_id
            and flows.previous_customer_id = flow_rules.previous_customer_id
    left join overridden_customers as takers_overridden
        on flows.customer_id = takers_overridden.customer_id
    left join overridden_customers as givers_overridden
        on flows.previous_customer_id = givers_overridden.customer_id

),

takers as (

    select distinct customer_id
    from flows

),

created as (

    -- of records that no customer had, whether new or back again
    select
        'created' as kind,
        record_counts.customer_id,
        cast(null as string) as other_customer_id,
        cast(null as string) as rule,
        'records: ' || cast(record_counts.record_count as string)
        || case when known_customers.customer_id is null then '' else ', returned' end as evidence,
        'new_data' as cause
    from (
        select customer_id, count(*) as record_count
        from assignments
        where previous_customer_id is null
        group by customer_id
    ) as record_counts
    left join known_customers on record_counts.customer_id = known_customers.customer_id
    left join takers on record_counts.customer_id = takers.customer_id
    where coalesce(known_customers.state, 'new') <> 'live' and takers.customer_id is null

),

retired as (

    select
        'retired' as kind,
        customers.customer_id,
        cast(null as string) as other_customer_id,
        cast(null as string) as rule,
        'records: 0 of ' || cast(records_before.record_count as string) as evidence,
        'new_data' as cause
    from retired_today as customers
    inner join records_before on customers.customer_id = records_before.customer_id

),

made as (

    select * from exchanges
    union all
    select * from created
    union all
    select * from retired

)

select
    -- timestamps
    changed_at,
    ledger_version,

    -- properties
    kind,

    -- ids
    customer_id,
    other_customer_id,

    -- reasons
    rule,
    evidence,
    cause
from earlier
union all
select
    state.changed_at,
    state.version as ledger_version,
    made.kind,
    made.customer_id,
    made.other_customer_id,
    made.rule,
    made.evidence,
    made.cause
from made
cross join state
