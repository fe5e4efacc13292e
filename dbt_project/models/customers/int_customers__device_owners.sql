with device_accounts as (

    select
        device_id,
        account_id,
        first_event_at
    from {{ ref('int_identity__device_accounts') }}

),

customer_records as (

    select customer_id, source_record_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

signed_in as (

    -- two accounts of one person are one person
    select
        device_accounts.device_id,
        count(distinct customer_records.customer_id) as customer_count,
        min(customer_records.customer_id) as customer_id,
        min(device_accounts.first_event_at) as first_event_at
    from device_accounts
    inner join customer_records
        on device_accounts.account_id = customer_records.source_record_id
    group by device_accounts.device_id

)

select
    -- ids
    device_id,
    case when customer_count = 1 then customer_id end as customer_id,

    -- properties
    customer_count > 1 as is_shared,

    -- timestamps
    first_event_at as valid_from,

    -- measures
    cast(customer_count as bigint) as customer_count
from signed_in
