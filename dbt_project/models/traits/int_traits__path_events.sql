{{ config(
    materialized=kept_by_content(),
    incremental_strategy='delete+insert',
    unique_key='_version',
    on_schema_change='fail',
    post_hook="delete from {{ this }} where stage is null"
) }}

with bounds as (

    select cast(
        {{ as_of_end() }} - interval '{{ var("path_history_days") }}' day as timestamp
    ) as since_at

),

products as (

    select product_id, category
    from {{ ref('stg_catalogue__products') }}

),

seen_categories as (

    select coalesce(hours.category, products.category, 'all') as category
    from {{ ref('int_traits__web_hours') }} as hours
    left join products on hours.product_id = products.product_id
    group by coalesce(hours.category, products.category, 'all')

),

goods as (

    -- what is only ever sold over the counter has no path
    select
        product_id,
        category
    from products
    where category in (select seen_categories.category from seen_categories)

),

facts as (

    {{ versions_of_customers(
        ref('int_traits__customer_contents'),
        ['browsing', 'purchases', 'lines', 'orders', 'returns'],
        [var('path_history_days'), var('path_return_window_days')]
    ) }}

),

paths as (

    -- which categories have paths concerns all
    select {{ version_of_rows([], ['category']) }} as content
    from seen_categories

),

versions as (

    select
        facts.customer_id,
        {{ version_of_version(['facts._version', 'paths.content']) }} as _version
    from facts
    cross join paths

),

changed as (

    {{ changed_units('versions') }}

),

customer_records as (

    select customer_id, source_record_id
    from {{ ref('customer_records') }}
    where
        source = 'shop.accounts'
        and valid_to is null
        and customer_id in (select changed.customer_id from changed)

),

browsed as (

    select
        browsing.customer_id,
        coalesce(browsing.category, products.category, 'all') as category,
        browsing.hour_at,
        browsing.stage,
        browsing.weight,
        browsing.last_event_type,
        browsing.first_event_at,
        browsing.last_event_at,
        browsing.known_at
    from {{ ref('int_traits__browsing') }} as browsing
    inner join bounds on browsing.last_event_at >= bounds.since_at
    left join products on browsing.product_id = products.product_id
    where
        browsing.stage is not null
        and browsing.customer_id in (select changed.customer_id from changed)

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
    where purchases.customer_id in (select changed.customer_id from changed)

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

whole_orders as (

    select
        order_id,
        returned_at
    from returned_lines
    where line_number is null

),

receipt_lines as (

    select
        lines.receipt_id,
        goods.category
    from {{ ref('stg_pos__receipt_lines') }} as lines
    inner join goods on lines.product_id = goods.product_id
    -- a till writes what comes back as lines below zero
    where lines.sales_amount >= 0 and lines.quantity > 0

),

order_lines as (

    select
        lines.order_id,
        lines.line_number,
        lines.quantity,
        goods.category
    from {{ ref('stg_shop__order_lines') }} as lines
    inner join goods on lines.product_id = goods.product_id

),

bought_lines as (

    select
        purchases.*,
        receipt_lines.category,
        false as is_line_returned
    from purchases
    inner join receipt_lines
        on
            purchases.source = 'pos.receipts'
            and purchases.source_record_id = receipt_lines.receipt_id
    union all
    select
        purchases.*,
        order_lines.category,
        -- a return without a line is one of the whole order
        coalesce(
            coalesce(whole_orders.returned_at, line_returns.returned_at)
            < purchases.purchased_at
            + interval '{{ var("path_return_window_days") }}' day,
            false
        ) as is_line_returned
    from purchases
    inner join order_lines
        on
            purchases.source = 'shop.orders'
            and purchases.source_record_id = order_lines.order_id
    left join returned_lines as line_returns
        on
            order_lines.order_id = line_returns.order_id
            and order_lines.line_number = line_returns.line_number
            and order_lines.quantity <= line_returns.quantity
    left join whole_orders on order_lines.order_id = whole_orders.order_id

),

bought as (

    -- two purchases at one moment are one
    select
        customer_id,
        category,
        purchased_at,
        bool_and(is_gift) as is_gift,
        bool_and(is_line_returned) as is_returned
    from bought_lines
    group by customer_id, category, purchased_at

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

),

events as (

    select
        customer_id,
        category,
        stage,
        cause,
        false as is_gift,
        false as is_returned,
        first_event_at as began_at,
        last_event_at as happened_at,
        known_at,
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
        is_gift,
        is_returned,
        purchased_at as began_at,
        purchased_at as happened_at,
        purchased_at as known_at,
        cast(1 as decimal(18, 3)) as weight
    from bought

),

path_versions as (

    select
        customer_id,
        category,
        {{ version_of_rows(
            ['customer_id', 'category'],
            ['stage', 'cause', 'is_gift', 'is_returned', 'began_at', 'happened_at', 'known_at',
             'weight']
        ) }} as _path_version
    from events
    group by customer_id, category

)

select
    -- ids
    changed.customer_id,
    events.category,

    -- properties
    events.stage,
    events.cause,
    events.is_gift,
    events.is_returned,

    -- timestamps
    events.began_at,
    events.happened_at,
    events.known_at,

    -- measures
    events.weight,

    -- lineage
    path_versions._path_version,
    changed._version
from changed
left join events on changed.customer_id = events.customer_id
left join path_versions
    on
        events.customer_id = path_versions.customer_id
        and events.category = path_versions.category
