{%- set kinds = {
    'browsing': [
        'device_id', 'product_id', 'platform', 'referrer_channel', 'category', 'stage',
        'last_event_type', 'hour_at', 'first_event_at', 'last_event_at', 'known_at', 'event_count',
        'video_count', 'weight', 'is_in_history', 'product_content',
    ],
    'looks': ['product_id', 'event_type', 'event_date', 'event_count', 'product_content'],
    'purchases': [
        'purchase_id', 'channel', 'purchased_at', 'purchase_date', 'is_gift', 'is_promoted',
        'item_count', 'net_amount',
    ],
    'lines': [
        'purchase_id', 'product_id', 'quantity', 'sales_amount', 'is_in_history', 'product_content',
    ],
    'orders': ['order_id', 'ordered_at', 'is_cancelled', 'is_gift'],
    'returns': ['order_id', 'line_number', 'quantity', 'returned_at'],
    'reviews': ['product_id', 'reviewed_at', 'stars', 'product_content'],
    'messages': ['channel', 'hour_at', 'delivered_count', 'responded_count'],
    'inquiries': ['channel', 'is_social_act', 'hour_at'],
} -%}

with bounds as (

    -- what leaves the history of paths is news
    select cast(
        {{ as_of_end() }} - interval '{{ var("path_history_days") }}' day as timestamp
    ) as since_at

),

products as (

    -- what is known of a product is a part of what was done with it
    select
        product_id,
        sum(cast(_content as decimal(38, 0))) as product_content
    from {{ ref('int_traits__product_versions') }}
    group by product_id

),

accounts as (

    select
        customer_id,
        source_record_id as account_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

browsing as (

    select
        browsing.*,
        browsing.last_event_at >= bounds.since_at as is_in_history,
        products.product_content
    from {{ ref('int_traits__browsing') }} as browsing
    cross join bounds
    left join products on browsing.product_id = products.product_id

),

looks as (

    select
        looks.*,
        products.product_content
    from {{ ref('int_traits__browsing_days') }} as looks
    left join products on looks.product_id = products.product_id

),

purchases as (

    select *
    from {{ ref('purchases') }}
    where customer_id is not null

),

lines as (

    select
        purchases.customer_id,
        purchases.purchase_id,
        purchases.purchased_at >= bounds.since_at as is_in_history,
        lines.product_id,
        lines.quantity,
        lines.sales_amount,
        products.product_content
    from (
        select
            'pos.receipts' as source,
            receipt_id as source_record_id,
            product_id,
            quantity,
            sales_amount
        from {{ ref('stg_pos__receipt_lines') }}
        union all
        select
            'shop.orders' as source,
            order_id as source_record_id,
            product_id,
            quantity,
            sales_amount
        from {{ ref('stg_shop__order_lines') }}
    ) as lines
    inner join purchases
        on
            lines.source = purchases.source
            and lines.source_record_id = purchases.source_record_id
    cross join bounds
    left join products on lines.product_id = products.product_id

),

orders as (

    select
        accounts.customer_id,
        orders.order_id,
        orders.ordered_at,
        orders.is_cancelled,
        orders.is_gift
    from {{ ref('stg_shop__orders') }} as orders
    inner join accounts on orders.account_id = accounts.account_id

),

returns as (

    select
        orders.customer_id,
        returns.order_id,
        returns.line_number,
        returns.quantity,
        returns.returned_at
    from {{ ref('stg_shop__returns') }} as returns
    inner join orders on returns.order_id = orders.order_id
    where returns.returned_at < {{ as_of_end() }}

),

reviews as (

    select
        accounts.customer_id,
        reviews.product_id,
        reviews.reviewed_at,
        reviews.stars,
        products.product_content
    from {{ ref('stg_reviews__product_reviews') }} as reviews
    inner join accounts on reviews.account_id = accounts.account_id
    left join products on reviews.product_id = products.product_id
    where reviews.reviewed_at < {{ as_of_end() }}

),

messages as (

    select *
    from {{ ref('int_traits__messages') }}

),

inquiries as (

    select *
    from {{ ref('int_traits__inquiries') }}

)

{% for kind, columns in kinds.items() %}
    select
        customer_id,
        '{{ kind }}' as kind,
        {{ version_of_rows(['customer_id', "'" ~ kind ~ "'"], columns) }} as content
    from {{ kind }}
    group by customer_id
    {{ 'union all' if not loop.last }}
{%- endfor %}
