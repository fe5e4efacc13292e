with purchase_days as (

    select
        customer_id,
        cast(date_trunc('month', purchase_date) as date) as period_start,
        purchase_count,
        net_amount
    from {{ ref('int_traits__purchase_days') }}

),

months as (

    select period_start
    from {{ ref('int_kpis__months') }}

),

customer_months as (

    select
        customer_id,
        period_start,
        sum(net_amount) as net_amount,
        sum(purchase_count) as purchase_count,
        sum(purchase_count) > 0 as has_purchase
    from purchase_days
    group by customer_id, period_start

),

lifetimes as (

    -- from the month of the first net purchase to that of the latest
    select
        customer_id,
        min(period_start) as cohort_month,
        max(period_start) as last_month
    from customer_months
    where has_purchase
    group by customer_id

),

cohorts as (

    select
        cohort_month,
        count(*) as cohort_size
    from lifetimes
    group by cohort_month

),

last_months as (

    select
        cohort_month,
        last_month,
        count(*) as customer_count
    from lifetimes
    group by cohort_month, last_month

),

cells as (

    select
        cohorts.cohort_month,
        cohorts.cohort_size,
        months.period_start,
        months.period_start = max(months.period_start) over () as is_last_month
    from cohorts
    inner join months on cohorts.cohort_month <= months.period_start

),

exact as (

    select
        lifetimes.cohort_month,
        customer_months.period_start,
        count_if(customer_months.has_purchase) as returned_count,
        sum(customer_months.purchase_count) as purchase_count,
        sum(customer_months.net_amount) as net_amount
    from customer_months
    inner join lifetimes on customer_months.customer_id = lifetimes.customer_id
    group by lifetimes.cohort_month, customer_months.period_start

),

on_or_after as (

    select
        cells.cohort_month,
        cells.period_start,
        sum(last_months.customer_count) as returned_count
    from cells
    inner join last_months
        on
            cells.cohort_month = last_months.cohort_month
            and cells.period_start <= last_months.last_month
    group by cells.cohort_month, cells.period_start

),

counted as (

    select
        cells.cohort_month,
        cells.period_start,
        cells.is_last_month,
        cells.cohort_size,
        coalesce(exact.returned_count, 0) as returned_count,
        coalesce(on_or_after.returned_count, 0) as returned_or_later_count,
        coalesce(exact.purchase_count, 0) as purchase_count,
        coalesce(exact.net_amount, 0) as net_amount
    from cells
    left join exact
        on cells.cohort_month = exact.cohort_month and cells.period_start = exact.period_start
    left join on_or_after
        on
            cells.cohort_month = on_or_after.cohort_month
            and cells.period_start = on_or_after.period_start

)

select
    -- cell
    cohort_month,
    cast({{ months_between('cohort_month', 'period_start') }} as bigint) as months_since,
    period_start,
    -- later customers cannot be seen from the last month, even when it is over
    is_last_month as is_provisional,

    -- counts
    cast(cohort_size as bigint) as cohort_size,
    cast(returned_count as bigint) as returned_count,
    cast(returned_or_later_count as bigint) as returned_or_later_count,

    -- rates
    100 * cast(returned_count as double) / cohort_size as retention_pct,
    {{ wilson_bound_pct('returned_count', 'cohort_size', 'low') }} as retention_low,
    {{ wilson_bound_pct('returned_count', 'cohort_size', 'high') }} as retention_high,
    100 * cast(returned_or_later_count as double) / cohort_size as retention_or_later_pct,

    -- per original customer
    cast(purchase_count as double) / cohort_size as purchases_per_customer,
    cast(net_amount as double) / cohort_size as revenue_per_customer
from counted
