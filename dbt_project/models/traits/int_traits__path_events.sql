with bounds as (

    select
        {{ as_of_end() }} as until_at,
        cast(
            {{ as_of_end() }} - interval '{{ var("path_history_days", 400) }}' day as timestamp
        ) as since_at

),

customer_records as (

    select customer_id, source_record_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

owners as (

    select
        device_id,
        customer_id,
        valid_from
    from {{ ref('int_customers__device_owners') }}
    where not is_shared

),

products as (

    select product_id, category
    from {{ ref('stg_catalogue__products') }}

),

hours as (

    select web_hours.*
    from {{ ref('int_traits__web_hours') }} as web_hours
    inner join bounds
        on
            web_hours.first_event_at < bounds.until_at
            and web_hours.last_event_at >= bounds.since_at
    where web_hours.stage is not null and not web_hours.is_clock_skewed

),

browsed as (

    -- who is not signed in is the owner of the device, also before the day on which that was known
    select
        coalesce(customer_records.customer_id, owners.customer_id) as customer_id,
        coalesce(hours.category, products.category, 'all') as category,
        hours.hour_at,
        hours.stage,
        hours.weight,
        hours.last_event_type,
        hours.first_event_at,
        hours.last_event_at,
        case
            when customer_records.customer_id is not null then hours.last_event_at
            else greatest(hours.last_event_at, owners.valid_from)
        end as known_at
    from hours
    left join customer_records on hours.account_id = customer_records.source_record_id
    left join owners on hours.device_id = owners.device_id and hours.account_id is null
    left join products on hours.product_id = products.product_id
    where coalesce(customer_records.customer_id, owners.customer_id) is not null

),

browsed_hours as (

    select
        customer_id,
        category,
        hour_at,
        stage,
        sum(weight) as weight,
        max_by(
            last_event_type, concat_ws(' ', cast(last_event_at as string), last_event_type)
        ) as cause,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at,
        max(known_at) as known_at
    from browsed
    group by customer_id, category, hour_at, stage

),

purchases as (

    select
        purchases.purchase_id,
        purchases.customer_id,
        purchases.source,
        purchases.source_record_id,
        purchases.purchased_at,
        purchases.is_gift
    from {{ ref('purchases') }} as purchases
    inner join bounds on purchases.purchased_at >= bounds.since_at
    where purchases.customer_id is not null

),

returned_lines as (

    select
        order_id,
        line_number,
        sum(quantity) as quantity,
        max(returned_at) as returned_at
    from {{ ref('stg_shop__returns') }}
    where returned_at < {{ as_of_end() }}
    group by order_id, line_number

),

bought_lines as (

    select
        purchases.purchase_id,
        lines.product_id,
        false as is_returned
    from purchases
    inner join {{ ref('stg_pos__receipt_lines') }} as lines
        on purchases.source = 'pos.receipts' and purchases.source_record_id = lines.receipt_id
    -- a till writes what comes back as lines below zero
    where lines.sales_amount > 0 or lines.quantity > 0 and lines.sales_amount = 0
    union all
    select
        purchases.purchase_id,
        lines.product_id,
        -- a return without a line is one of the whole order
        coalesce(
            coalesce(whole_orders.returned_at, line_returns.returned_at)
            < purchases.purchased_at
            + interval '{{ var("path_return_window_days", 45) }}' day,
            false
        ) as is_returned
    from purchases
    inner join {{ ref('stg_shop__order_lines') }} as lines
        on purchases.source = 'shop.orders' and purchases.source_record_id = lines.order_id
    left join returned_lines as line_returns
        on
            lines.order_id = line_returns.order_id
            and lines.line_number = line_returns.line_number
            and lines.quantity <= line_returns.quantity
    left join returned_lines as whole_orders
        on lines.order_id = whole_orders.order_id and whole_orders.line_number is null

),

browsed_categories as (

    -- what is only ever sold over the counter has no path
    select distinct category
    from browsed_hours

),

bought as (

    select
        purchases.customer_id,
        products.category,
        purchases.purchase_id,
        purchases.purchased_at,
        purchases.is_gift,
        bool_and(bought_lines.is_returned) as is_returned
    from purchases
    inner join bought_lines on purchases.purchase_id = bought_lines.purchase_id
    inner join products on bought_lines.product_id = products.product_id
    where products.category in (select browsed_categories.category from browsed_categories)
    group by all

),

orders as (

    select
        customer_records.customer_id,
        orders.ordered_at
    from {{ ref('stg_shop__orders') }} as orders
    inner join customer_records on orders.account_id = customer_records.source_record_id

),

seen_bought as (

    -- the event of a purchase whose order is not known as theirs: they were a guest then
    select browsed_hours.*
    from browsed_hours
    left join orders
        on
            browsed_hours.customer_id = orders.customer_id
            and orders.ordered_at between
            browsed_hours.first_event_at - interval '1' hour
            and browsed_hours.last_event_at + interval '1' hour
    where browsed_hours.stage = 'purchase' and orders.customer_id is null

)

select
    -- ids
    customer_id,
    category,

    -- properties
    stage,
    cause,
    false as is_gift,
    false as is_returned,

    -- timestamps
    first_event_at as began_at,
    last_event_at as happened_at,
    known_at,

    -- measures
    cast(weight as decimal(18, 3)) as weight
from browsed_hours
where stage <> 'purchase'
union all
select
    customer_id,
    category,
    stage,
    'purchase' as cause,
    false as is_gift,
    false as is_returned,
    first_event_at as began_at,
    first_event_at as happened_at,
    known_at,
    cast(1 as decimal(18, 3)) as weight
from seen_bought
union all
select
    customer_id,
    category,
    'purchase' as stage,
    'purchase' as cause,
    -- two purchases at one moment are one
    bool_and(is_gift) as is_gift,
    bool_and(is_returned) as is_returned,
    purchased_at as began_at,
    purchased_at as happened_at,
    purchased_at as known_at,
    cast(1 as decimal(18, 3)) as weight
from bought
group by customer_id, category, purchased_at
