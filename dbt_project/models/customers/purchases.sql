with receipts as (

    select
        receipt_id,
        member_id,
        store_id,
        sold_at
    from {{ ref('stg_pos__receipts') }}
    where sold_at < {{ as_of_end() }}

),

orders as (

    -- a cancelled order is no purchase, and one in another currency cannot be added up
    select
        order_id,
        account_id,
        is_gift,
        ordered_at
    from {{ ref('stg_shop__orders') }}
    where ordered_at < {{ as_of_end() }} and is_reporting_currency and not is_cancelled

),

products as (

    select product_id
    from {{ ref('stg_catalogue__products') }}
    where is_sold_by_volume

),

receipt_lines as (

    select
        lines.receipt_id,
        lines.sales_amount,
        lines.loyalty_discount_amount,
        lines.store_coupon_discount_amount,
        lines.coupon_amount,
        case
            when lines.sales_amount < 0 then 0
            -- a tank of fuel, or a bag of weighed goods, is one thing
            when products.product_id is not null or lines.quantity <> floor(lines.quantity) then 1
            else greatest(lines.quantity, 0)
        end as item_count
    from {{ ref('stg_pos__receipt_lines') }} as lines
    left join products on lines.product_id = products.product_id

),

order_lines as (

    select
        lines.order_id,
        lines.sales_amount,
        lines.discount_amount,
        lines.coupon_code is not null as has_coupon,
        case
            when products.product_id is not null or lines.quantity <> floor(lines.quantity) then 1
            else greatest(lines.quantity, 0)
        end as item_count
    from {{ ref('stg_shop__order_lines') }} as lines
    left join products on lines.product_id = products.product_id

),

receipt_totals as (

    -- a till writes what comes back as lines below zero
    select
        receipt_id,
        sum(sales_amount) as net_amount,
        sum(case when sales_amount < 0 then -sales_amount else 0 end) as returned_amount,
        sum(loyalty_discount_amount) as loyalty_discount_amount,
        sum(store_coupon_discount_amount) as store_coupon_discount_amount,
        sum(coupon_amount) as coupon_amount,
        sum(item_count) as item_count
    from receipt_lines
    group by receipt_id

),

order_totals as (

    select
        order_id,
        sum(sales_amount) as sales_amount,
        sum(discount_amount) as discount_amount,
        bool_or(has_coupon) as has_coupon,
        sum(item_count) as item_count
    from order_lines
    group by order_id

),

return_totals as (

    select
        order_id,
        sum(refunded_amount) as returned_amount
    from {{ ref('stg_shop__returns') }}
    where returned_at < {{ as_of_end() }}
    group by order_id

),

app_purchases as (

    select
        account_id,
        event_at
    from {{ ref('stg_web__events') }}
    where event_type = 'purchase' and platform = 'app' and account_id is not null

),

app_orders as (

    -- the shop does not say where an order was placed; the app's own event does, to the hour
    select orders.order_id
    from orders
    inner join app_purchases
        on
            orders.account_id = app_purchases.account_id
            and app_purchases.event_at between
            orders.ordered_at - interval '1' hour and orders.ordered_at + interval '1' hour
    group by orders.order_id

),

customer_records as (

    select
        customer_id,
        source,
        source_record_id
    from {{ ref('customer_records') }}
    where source in ('loyalty.members', 'shop.accounts') and valid_to is null

),

bought as (

    select
        'pos.receipts' as source,
        receipts.receipt_id as source_record_id,
        'loyalty.members' as buyer_source,
        receipts.member_id as buyer_id,
        receipts.store_id,
        'store' as channel,
        receipts.sold_at as purchased_at,
        false as is_gift,
        false as has_coupon,
        coalesce(receipt_totals.net_amount, 0) as net_amount,
        coalesce(receipt_totals.returned_amount, 0) as returned_amount,
        coalesce(receipt_totals.loyalty_discount_amount, 0)
        + coalesce(receipt_totals.store_coupon_discount_amount, 0) as discount_amount,
        coalesce(receipt_totals.loyalty_discount_amount, 0) as loyalty_discount_amount,
        coalesce(receipt_totals.store_coupon_discount_amount, 0) as store_coupon_discount_amount,
        coalesce(receipt_totals.coupon_amount, 0) as coupon_amount,
        coalesce(receipt_totals.item_count, 0) as item_count
    from receipts
    left join receipt_totals on receipts.receipt_id = receipt_totals.receipt_id
    union all
    select
        'shop.orders' as source,
        orders.order_id as source_record_id,
        'shop.accounts' as buyer_source,
        orders.account_id as buyer_id,
        cast(null as string) as store_id,
        case when app_orders.order_id is not null then 'app' else 'web' end as channel,
        orders.ordered_at as purchased_at,
        orders.is_gift,
        coalesce(order_totals.has_coupon, false) as has_coupon,
        coalesce(order_totals.sales_amount, 0) - coalesce(return_totals.returned_amount, 0)
            as net_amount,
        coalesce(return_totals.returned_amount, 0) as returned_amount,
        coalesce(order_totals.discount_amount, 0) as discount_amount,
        0 as loyalty_discount_amount,
        0 as store_coupon_discount_amount,
        0 as coupon_amount,
        coalesce(order_totals.item_count, 0) as item_count
    from orders
    left join order_totals on orders.order_id = order_totals.order_id
    left join return_totals on orders.order_id = return_totals.order_id
    left join app_orders on orders.order_id = app_orders.order_id

),

identified as (

    select
        bought.source || ':' || bought.source_record_id as purchase_id,
        customer_records.customer_id,
        bought.*
    from bought
    left join customer_records
        on
            bought.buyer_source = customer_records.source
            and bought.buyer_id = customer_records.source_record_id

),

first_purchases as (

    select purchase_id
    from identified
    where customer_id is not null and net_amount > 0
    qualify row_number() over (partition by customer_id order by purchased_at, purchase_id) = 1

)

select
    -- ids
    identified.purchase_id,
    identified.customer_id,
    identified.source,
    identified.source_record_id,
    identified.store_id,

    -- properties
    identified.channel,
    identified.discount_amount + identified.coupon_amount > 0
    or identified.has_coupon as is_promoted,
    identified.is_gift,
    first_purchases.purchase_id is not null as is_first,

    -- timestamps
    identified.purchased_at,
    {{ reporting_date('identified.purchased_at') }} as purchase_date,

    -- measures
    cast(
        identified.net_amount + identified.discount_amount + identified.returned_amount
        as decimal(18, 2)
    ) as gross_amount,
    cast(identified.discount_amount as decimal(18, 2)) as discount_amount,
    cast(identified.returned_amount as decimal(18, 2)) as returned_amount,
    cast(identified.net_amount as decimal(18, 2)) as net_amount,
    cast(identified.loyalty_discount_amount as decimal(18, 2)) as loyalty_discount_amount,
    cast(identified.store_coupon_discount_amount as decimal(18, 2)) as store_coupon_discount_amount,
    cast(identified.coupon_amount as decimal(18, 2)) as coupon_amount,
    cast(identified.item_count as bigint) as item_count
from identified
left join first_purchases on identified.purchase_id = first_purchases.purchase_id
