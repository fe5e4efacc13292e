with assigned as (

    select
        campaign_id,
        customer_id,
        arm,
        segment,
        offer_kind,
        redemption_count,
        assigned_at,
        window_end
    from {{ ref('int_traits__offer_outcomes') }}
    where arm in ('treatment', 'control')

),

bought as (

    select
        assigned.campaign_id,
        assigned.customer_id,
        purchases.purchase_id,
        purchases.purchased_at
    from assigned
    inner join {{ ref('purchases') }} as purchases
        on
            assigned.customer_id = purchases.customer_id
            and assigned.assigned_at <= purchases.purchased_at
            and assigned.window_end > purchases.purchased_at

),

returned as (

    -- no line, no quantity: all of it
    select
        order_id,
        line_number,
        sum(refunded_amount) as refunded_amount,
        case when count(quantity) = count(*) then sum(quantity) end as quantity
    from {{ ref('stg_shop__returns') }}
    where returned_at < {{ as_of_end() }}
    group by order_id, line_number

),

lines as (

    -- what a till takes back is a line below zero
    select
        'pos.receipts:' || receipt_id as purchase_id,
        quantity,
        product_id,
        coupon_code,
        sales_amount,
        case when sales_amount < 0 then -abs(quantity) else quantity end as kept_quantity,
        store_coupon_discount_amount as coupon_discount_amount
    from {{ ref('stg_pos__receipt_lines') }}
    union all
    -- and what is sent back goes on the shelf again
    select
        'shop.orders:' || lines.order_id as purchase_id,
        lines.quantity,
        lines.product_id,
        lines.coupon_code,
        case
            when whole.order_id is not null then 0
            else lines.sales_amount - coalesce(part.refunded_amount, 0)
        end as sales_amount,
        case
            when whole.order_id is not null then 0
            when part.order_id is not null
                then lines.quantity - least(coalesce(part.quantity, lines.quantity), lines.quantity)
            else lines.quantity
        end as kept_quantity,
        case when lines.coupon_code is not null then lines.discount_amount else 0 end
            as coupon_discount_amount
    from {{ ref('stg_shop__order_lines') }} as lines
    left join returned as part
        on lines.order_id = part.order_id and lines.line_number = part.line_number
    left join returned as whole
        on lines.order_id = whole.order_id and whole.line_number is null

),

costs as (

    -- with an end to every version: a join on "or" would compare every pair of rows
    select
        product_id,
        unit_cost_amount,
        valid_from,
        coalesce(valid_to, {{ as_of_end() }}) as valid_to
    from {{ ref('stg_catalogue__product_versions') }}
    where unit_cost_amount is not null

),

bought_lines as (

    select
        bought.campaign_id,
        bought.customer_id,
        bought.purchase_id,
        lines.coupon_code,
        lines.sales_amount,
        costs.unit_cost_amount,
        cast(lines.kept_quantity * costs.unit_cost_amount as decimal(18, 2)) as cost_amount,
        -- what came back was not given away
        cast(
            lines.coupon_discount_amount
            * cast(lines.kept_quantity as double) / nullif(lines.quantity, 0) as decimal(18, 2)
        ) as coupon_discount_amount
    from bought
    inner join lines on bought.purchase_id = lines.purchase_id
    left join costs
        on
            lines.product_id = costs.product_id
            and bought.purchased_at >= costs.valid_from
            and bought.purchased_at < costs.valid_to

),

earned as (

    select
        campaign_id,
        customer_id,
        sum(abs(sales_amount)) as sales_amount,
        sum(case when unit_cost_amount is not null then abs(sales_amount) else 0 end)
            as costed_sales_amount,
        sum(case when unit_cost_amount is not null then sales_amount - cost_amount else 0 end)
            as margin_amount
    from bought_lines
    group by campaign_id, customer_id

),

redemptions as (

    select
        campaign_id,
        coalesce('pos.receipts:' || receipt_id, 'shop.orders:' || order_id) as purchase_id,
        coupon_code
    from {{ ref('stg_offers__redemptions') }}
    where redeemed_at < {{ as_of_end() }} and (receipt_id is not null or order_id is not null)
    group by campaign_id, receipt_id, order_id, coupon_code

),

redeemed as (

    select
        bought_lines.campaign_id,
        bought_lines.customer_id,
        sum(case
            when bought_lines.coupon_code = redemptions.coupon_code
                then bought_lines.coupon_discount_amount
            else 0
        end) as offer_discount_amount
    from bought_lines
    inner join redemptions
        on
            bought_lines.campaign_id = redemptions.campaign_id
            and bought_lines.purchase_id = redemptions.purchase_id
    group by bought_lines.campaign_id, bought_lines.customer_id

)

select
    -- ids
    assigned.campaign_id,
    assigned.customer_id,

    -- properties
    assigned.arm,
    assigned.segment,
    assigned.offer_kind,

    assigned.redemption_count > 0 as is_redeemer,
    redeemed.customer_id is not null as is_redemption_found,

    -- measures
    cast(coalesce(earned.margin_amount, 0) as decimal(18, 2)) as margin_amount,
    cast(coalesce(earned.sales_amount, 0) as decimal(18, 2)) as sales_amount,
    cast(coalesce(earned.costed_sales_amount, 0) as decimal(18, 2)) as costed_sales_amount,
    cast(coalesce(redeemed.offer_discount_amount, 0) as decimal(18, 2)) as offer_discount_amount
from assigned
left join earned
    on assigned.campaign_id = earned.campaign_id and assigned.customer_id = earned.customer_id
left join redeemed
    on assigned.campaign_id = redeemed.campaign_id and assigned.customer_id = redeemed.customer_id
