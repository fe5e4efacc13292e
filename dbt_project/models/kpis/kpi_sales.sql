with purchases as (

    select
        purchase_id,
        customer_id,
        channel,
        cast(date_trunc('month', purchase_date) as date) as period_start,
        gross_amount,
        discount_amount,
        net_amount,
        is_promoted,
        is_first
    from {{ ref('purchases') }}

),

months as (

    select period_start, is_provisional
    from {{ ref('int_kpis__months') }}

),

cuts as (

    select
        'all' as segment_type,
        'all' as segment,
        purchases.*
    from purchases
    union all
    select
        'channel' as segment_type,
        channel as segment,
        purchases.*
    from purchases

),

segments as (

    select distinct segment_type, segment
    from cuts

),

totals as (

    select
        period_start,
        segment_type,
        segment,
        sum(gross_amount) as gross_revenue_amount,
        sum(discount_amount) as discount_amount,
        sum(net_amount) as net_revenue_amount,
        count(*) as purchase_count,
        count_if(is_promoted) as promoted_purchase_count,
        count_if(customer_id is not null) as identified_purchase_count,
        count(distinct case when net_amount > 0 then customer_id end) as active_customer_count,
        count_if(is_first) as new_customer_count,
        -- exact sums, because doubles added in another order differ in the last digit
        cast(sum(net_amount) as double) as net_sum,
        cast(sum(cast(net_amount * net_amount as decimal(36, 4))) as double) as net_square_sum
    from cuts
    group by period_start, segment_type, segment

),

averages as (

    -- the sample variance from its sums; rounding may leave a zero one a little below zero
    select
        *,
        net_sum / purchase_count as average_purchase_amount,
        case
            when purchase_count > 1
                then
                    {{ z_95() }} * sqrt(greatest(
                        (net_square_sum - net_sum * net_sum / purchase_count)
                        / (purchase_count - 1) / purchase_count,
                        0
                    ))
        end as average_purchase_reach
    from totals

)

select
    -- period and segment
    'month' as period_grain,
    months.period_start,
    segments.segment_type,
    segments.segment,
    months.is_provisional,

    -- counts
    cast(coalesce(totals.purchase_count, 0) as bigint) as purchase_count,
    cast(coalesce(totals.promoted_purchase_count, 0) as bigint) as promoted_purchase_count,
    cast(coalesce(totals.identified_purchase_count, 0) as bigint) as identified_purchase_count,
    cast(coalesce(totals.active_customer_count, 0) as bigint) as active_customer_count,
    cast(coalesce(totals.new_customer_count, 0) as bigint) as new_customer_count,

    -- money
    cast(coalesce(totals.gross_revenue_amount, 0) as decimal(18, 2)) as gross_revenue_amount,
    cast(coalesce(totals.discount_amount, 0) as decimal(18, 2)) as discount_amount,
    cast(coalesce(totals.net_revenue_amount, 0) as decimal(18, 2)) as net_revenue_amount,
    totals.average_purchase_amount,
    totals.average_purchase_amount - totals.average_purchase_reach as average_purchase_low,
    totals.average_purchase_amount + totals.average_purchase_reach as average_purchase_high,

    -- rates
    100 * cast(totals.promoted_purchase_count as double) / nullif(totals.purchase_count, 0)
        as promoted_purchase_pct,
    {{ wilson_bound_pct('totals.promoted_purchase_count', 'totals.purchase_count', 'low') }}
        as promoted_purchase_low,
    {{ wilson_bound_pct('totals.promoted_purchase_count', 'totals.purchase_count', 'high') }}
        as promoted_purchase_high,
    100 * cast(totals.identified_purchase_count as double) / nullif(totals.purchase_count, 0)
        as identified_purchase_pct,
    {{ wilson_bound_pct('totals.identified_purchase_count', 'totals.purchase_count', 'low') }}
        as identified_purchase_low,
    {{ wilson_bound_pct('totals.identified_purchase_count', 'totals.purchase_count', 'high') }}
        as identified_purchase_high
from months
cross join segments
left join averages as totals
    on
        months.period_start = totals.period_start
        and segments.segment_type = totals.segment_type
        and segments.segment = totals.segment
