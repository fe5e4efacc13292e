{{ config(meta={'dagster': {'ref': {'name': 'purchases'}}}) }}

with line_totals as (

    select
        count(distinct receipts.receipt_id) as purchase_count,
        coalesce(sum(lines.sales_amount), 0) as net_amount,
        coalesce(sum(lines.loyalty_discount_amount), 0) as loyalty_discount_amount,
        coalesce(sum(lines.store_coupon_discount_amount), 0) as store_coupon_discount_amount,
        coalesce(sum(lines.coupon_amount), 0) as coupon_amount
    from {{ ref('stg_pos__receipts') }} as receipts
    left join {{ ref('stg_pos__receipt_lines') }} as lines
        on receipts.receipt_id = lines.receipt_id
    where receipts.sold_at < {{ as_of_end() }}

),

purchase_totals as (

    select
        count(*) as purchase_count,
        coalesce(sum(net_amount), 0) as net_amount,
        coalesce(sum(loyalty_discount_amount), 0) as loyalty_discount_amount,
        coalesce(sum(store_coupon_discount_amount), 0) as store_coupon_discount_amount,
        coalesce(sum(coupon_amount), 0) as coupon_amount
    from {{ ref('purchases') }}
    where source = 'pos.receipts'

)

select
    line_totals.*,
    purchase_totals.net_amount as purchases_net_amount
from line_totals
cross join purchase_totals
where
    line_totals.purchase_count <> purchase_totals.purchase_count
    or line_totals.net_amount <> purchase_totals.net_amount
    or line_totals.loyalty_discount_amount <> purchase_totals.loyalty_discount_amount
    or line_totals.store_coupon_discount_amount <> purchase_totals.store_coupon_discount_amount
    or line_totals.coupon_amount <> purchase_totals.coupon_amount
