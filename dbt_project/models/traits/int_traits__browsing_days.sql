{{ config(materialized='view') }}

with days as (

    select
        account_id,
        product_id,
        event_type,
        event_date,
        event_count,
        -- a device says whose the visit is only where nobody is signed in
        case when account_id is null then device_id end as unsigned_device_id
    from {{ ref('int_traits__web_days') }}
    where event_date <= {{ as_of() }}

),

accounts as (

    select
        customer_id,
        source_record_id as account_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

devices as (

    select
        device_id,
        customer_id
    from {{ ref('int_customers__device_owners') }}
    where not is_shared

)

select
    -- ids
    coalesce(accounts.customer_id, devices.customer_id) as customer_id,
    days.product_id,

    -- properties
    days.event_type,

    -- timestamps
    days.event_date,

    -- measures
    days.event_count
from days
left join accounts on days.account_id = accounts.account_id
left join devices on days.unsigned_device_id = devices.device_id
where coalesce(accounts.customer_id, devices.customer_id) is not null
