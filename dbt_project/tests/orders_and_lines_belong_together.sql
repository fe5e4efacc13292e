-- lines without an order make no purchase, and an order without lines makes an empty one: neither
-- silently
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'stg_shop__order_lines'}}}) }}

with orders as (

    select order_id
    from {{ ref('stg_shop__orders') }}

),

orders_on_lines as (

    select distinct order_id
    from {{ ref('stg_shop__order_lines') }}

)

select
    coalesce(orders.order_id, orders_on_lines.order_id) as order_id,
    case
        when orders.order_id is null then 'lines without an order' else 'order without lines'
    end as problem
from orders
full outer join orders_on_lines on orders.order_id = orders_on_lines.order_id
where orders.order_id is null or orders_on_lines.order_id is null
