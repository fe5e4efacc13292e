{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_touched(
        ref('int_identity__assignments'),
        source('ledger', 'assignments'),
        source('ledger', 'customers')
    ) }}"
) }}
-- depends_on: {{ ref('int_identity__contended_records') }}

with state as (

    select changed_at
    from {{ source('ledger', 'state') }}

),

known_customers as (

    select
        customer_id,
        state,
        created_at,
        ended_at,
        successor_customer_id,
        redirected_at
    from {{ source('ledger', 'customers') }}

),

intervals as (

    select record_key, customer_id, valid_to
    from {{ source('ledger', 'assignments') }}

),

live as (

    select distinct customer_id
    from {{ ref('int_identity__assignments') }}
    {{ where_touched() }}

),

ended as (

    select
        known_customers.customer_id,
        known_customers.state = 'live' as is_news,
        known_customers.state,
        known_customers.created_at,
        known_customers.ended_at,
        known_customers.successor_customer_id,
        known_customers.redirected_at
    from known_customers
    left join live on known_customers.customer_id = live.customer_id
    where live.customer_id is null
    {{ where_touched(of='known_customers.', word='and') }}

),

last_records as (

    -- what a customer held when it ended
    select distinct ended.customer_id, intervals.record_key
    from ended
    inner join intervals on ended.customer_id = intervals.customer_id
    where intervals.valid_to is not distinct from ended.ended_at

),

whereabouts as (

    select
        last_records.customer_id,
        assignments.customer_id as successor_customer_id,
        count(*) as record_count
    from last_records
    inner join {{ ref('int_identity__assignments') }} as assignments
        on last_records.record_key = assignments.record_key
    group by last_records.customer_id, assignments.customer_id

),

heirs as (

    select
        whereabouts.customer_id,
        whereabouts.successor_customer_id,
        count(*) over (partition by whereabouts.customer_id) as heir_count
    from whereabouts
    cross join state
    left join known_customers
        on whereabouts.successor_customer_id = known_customers.customer_id
    qualify row_number() over (
        partition by whereabouts.customer_id
        order by
            whereabouts.record_count desc,
            known_customers.created_at asc nulls last,
            whereabouts.successor_customer_id asc
    ) = 1

),

successors as (

    select
        ended.customer_id,
        ended.is_news,
        ended.state,
        ended.created_at,
        ended.ended_at,
        ended.redirected_at,
        ended.successor_customer_id as former_successor_id,
        heirs.heir_count,
        -- once its own records are gone, where its successor is
        coalesce(
            heirs.successor_customer_id,
            heirs_of_successor.successor_customer_id,
            ended.successor_customer_id
        ) as successor_customer_id
    from ended
    left join heirs on ended.customer_id = heirs.customer_id
    left join ended as ended_successors
        on ended.successor_customer_id = ended_successors.customer_id
    left join heirs as heirs_of_successor
        on ended_successors.customer_id = heirs_of_successor.customer_id

)

select
    -- ids
    live.customer_id,
    cast(null as string) as successor_customer_id,

    -- properties
    'live' as state,

    -- timestamps
    coalesce(known_customers.created_at, state.changed_at) as created_at,
    cast(null as timestamp) as ended_at,
    cast(null as timestamp) as redirected_at
from live
cross join state
left join known_customers on live.customer_id = known_customers.customer_id
union all
select
    successors.customer_id,
    successors.successor_customer_id,
    case
        when not successors.is_news then successors.state
        when successors.heir_count is null then 'retired'
        when successors.heir_count = 1 then 'merged'
        else 'split'
    end as state,
    successors.created_at,
    coalesce(successors.ended_at, state.changed_at) as ended_at,
    case
        when successors.successor_customer_id is null then null
        when successors.successor_customer_id = successors.former_successor_id
            then successors.redirected_at
        else state.changed_at
    end as redirected_at
from successors
cross join state
