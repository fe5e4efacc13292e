-- the sales of all months and of each segment add up to the purchases they are made of
{{ config(meta={'dagster': {'ref': {'name': 'kpi_sales'}}}) }}

with purchases as (

    select
        count(*) as purchase_count,
        coalesce(sum(net_amount), 0) as net_amount,
        count(distinct case when is_first then customer_id end) as new_customer_count
    from {{ ref('purchases') }}

),

sales as (

    select
        segment_type,
        sum(purchase_count) as purchase_count,
        sum(net_revenue_amount) as net_amount,
        sum(new_customer_count) as new_customer_count
    from {{ ref('kpi_sales') }}
    group by segment_type

)

select
    sales.segment_type,
    sales.purchase_count,
    sales.net_amount,
    sales.new_customer_count
from sales
cross join purchases
where
    sales.purchase_count <> purchases.purchase_count
    or sales.net_amount <> purchases.net_amount
    or sales.new_customer_count <> purchases.new_customer_count
