with customers as (

    select
        customer_id,
        state,
        successor_customer_id,
        redirected_at
    from {{ ref('int_identity__customers') }}

)

select
    -- ids
    retired.customer_id as old_customer_id,
    live.customer_id,

    -- properties
    retired.state as kind,

    -- timestamps
    retired.redirected_at as changed_at
from customers as retired
inner join customers as live on retired.successor_customer_id = live.customer_id
where retired.state <> 'live' and live.state = 'live'
