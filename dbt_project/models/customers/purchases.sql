with receipts as (

    select
        receipt_id,
        member_id,
        store_id,
        sold_at
    from {{ ref('stg_pos__receipts') }}
    where sold_at < {{ as_of_end() }}

),

products as (

    select product_id
    from {{ ref('stg_catalogue__products') }}
    where is_sold_by_volume

),

lines as (

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
    from lines
    group by receipt_id

),

customer_records as (

    select customer_id, source_record_id
    from {{ ref('customer_records') }}
    where source = 'loyalty.members' and valid_to is null

),

identified as (

    select
        'pos.receipts:' || receipts.receipt_id as purchase_id,
        customer_records.customer_id,
        'pos.receipts' as source,
        receipts.receipt_id as source_record_id,
        receipts.store_id,
        'store' as channel,
        receipts.sold_at as purchased_at,
        coalesce(receipt_totals.net_amount, 0) as net_amount,
        coalesce(receipt_totals.returned_amount, 0) as returned_amount,
        coalesce(receipt_totals.loyalty_discount_amount, 0) as loyalty_discount_amount,
        coalesce(receipt_totals.store_coupon_discount_amount, 0) as store_coupon_discount_amount,
        coalesce(receipt_totals.coupon_amount, 0) as coupon_amount,
        coalesce(receipt_totals.item_count, 0) as item_count
    from receipts
    left join receipt_totals on receipts.receipt_id = receipt_totals.receipt_id
    left join customer_records on receipts.member_id = customer_records.source_record_id

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
    identified.loyalty_discount_amount + identified.store_coupon_discount_amount
    + identified.coupon_amount > 0 as is_promoted,
    first_purchases.purchase_id is not null as is_first,

    -- timestamps
    identified.purchased_at,
    {{ reporting_date('identified.purchased_at') }} as purchase_date,

    -- measures
    cast(
        identified.net_amount + identified.loyalty_discount_amount
        + identified.store_coupon_discount_amount + identified.returned_amount
        as decimal(18, 2)
    ) as gross_amount,
    cast(
        identified.loyalty_discount_amount + identified.store_coupon_discount_amount
        as decimal(18, 2)
    ) as discount_amount,
    cast(identified.returned_amount as decimal(18, 2)) as returned_amount,
    cast(identified.net_amount as decimal(18, 2)) as net_amount,
    cast(identified.loyalty_discount_amount as decimal(18, 2)) as loyalty_discount_amount,
    cast(identified.store_coupon_discount_amount as decimal(18, 2)) as store_coupon_discount_amount,
    cast(identified.coupon_amount as decimal(18, 2)) as coupon_amount,
    cast(identified.item_count as bigint) as item_count
from identified
left join first_purchases on identified.purchase_id = first_purchases.purchase_id
