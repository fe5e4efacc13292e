-- the purchases of each source add up to the lines they are made of
{{ config(meta={'dagster': {'ref': {'name': 'purchases'}}}) }}

with receipt_lines as (

    select
        'pos.receipts' as source,
        count(distinct receipts.receipt_id) as purchase_count,
        coalesce(sum(lines.sales_amount), 0) as net_amount,
        coalesce(sum(lines.loyalty_discount_amount), 0)
        + coalesce(sum(lines.store_coupon_discount_amount), 0) as discount_amount,
        coalesce(sum(lines.coupon_amount), 0) as coupon_amount
    from {{ ref('stg_pos__receipts') }} as receipts
    left join {{ ref('stg_pos__receipt_lines') }} as lines
        on receipts.receipt_id = lines.receipt_id
    where receipts.sold_at < {{ as_of_end() }}

),

orders as (

    select order_id
    from {{ ref('stg_shop__orders') }}
    where ordered_at < {{ as_of_end() }} and is_reporting_currency and not is_cancelled

),

order_lines as (

    select
        'shop.orders' as source,
        count(distinct orders.order_id) as purchase_count,
        coalesce(sum(lines.sales_amount), 0) as sales_amount,
        coalesce(sum(lines.discount_amount), 0) as discount_amount,
        0 as coupon_amount
    from orders
    left join {{ ref('stg_shop__order_lines') }} as lines
        on orders.order_id = lines.order_id

),

order_returns as (

    select coalesce(sum(returns.refunded_amount), 0) as returned_amount
    from {{ ref('stg_shop__returns') }} as returns
    semi join orders on returns.order_id = orders.order_id
    where returns.returned_at < {{ as_of_end() }}

),

expected as (

    select
        source,
        purchase_count,
        net_amount,
        discount_amount,
        coupon_amount
    from receipt_lines
    union all
    select
        order_lines.source,
        order_lines.purchase_count,
        order_lines.sales_amount - order_returns.returned_amount as net_amount,
        order_lines.discount_amount,
        order_lines.coupon_amount
    from order_lines
    cross join order_returns

),

purchase_totals as (

    select
        source,
        count(*) as purchase_count,
        sum(net_amount) as net_amount,
        sum(discount_amount) as discount_amount,
        sum(coupon_amount) as coupon_amount
    from {{ ref('purchases') }}
    group by source

)

select
    expected.*,
    purchase_totals.net_amount as purchases_net_amount
from expected
left join purchase_totals on expected.source = purchase_totals.source
where
    expected.purchase_count <> coalesce(purchase_totals.purchase_count, 0)
    or expected.net_amount <> coalesce(purchase_totals.net_amount, 0)
    or expected.discount_amount <> coalesce(purchase_totals.discount_amount, 0)
    or expected.coupon_amount <> coalesce(purchase_totals.coupon_amount, 0)
