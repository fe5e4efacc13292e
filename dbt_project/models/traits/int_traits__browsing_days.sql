with events as (

    -- counted before anybody is looked up: the pages of a visit are many, its days few
    select
        device_id,
        account_id,
        product_id,
        event_type,
        {{ reporting_date('event_at') }} as event_date,
        min(event_at) as first_event_at,
        count(*) as event_count
    from {{ ref('stg_web__events') }}
    where
        event_type is not null
        and (device_id is not null or account_id is not null)
        and not is_clock_skewed
        and event_at < {{ as_of_end() }}
    group by device_id, account_id, product_id, event_type, {{ reporting_date('event_at') }}

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
        customer_id,
        valid_from
    from {{ ref('int_customers__device_owners') }}
    where not is_shared

),

resolved as (

    -- who signed in is known; before that, a device tells only from its first login on
    select
        coalesce(accounts.customer_id, devices.customer_id) as customer_id,
        events.event_date,
        events.product_id,
        events.event_type,
        events.event_count
    from events
    left join accounts on events.account_id = accounts.account_id
    left join devices
        on
            events.account_id is null
            and events.device_id = devices.device_id
            and events.first_event_at >= devices.valid_from

)

select
    -- ids
    customer_id,
    product_id,

    -- properties
    event_type,

    -- timestamps
    event_date,

    -- measures
    cast(sum(event_count) as bigint) as event_count
from resolved
where customer_id is not null
group by customer_id, product_id, event_type, event_date
