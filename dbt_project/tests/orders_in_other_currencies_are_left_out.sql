-- their amounts cannot be added to the others, so they are no purchases; not silently
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'purchases'}}}) }}

select orders.order_id, orders.currency
from {{ ref('stg_shop__orders') }} as orders
left join {{ ref('purchases') }} as purchases
    on
        purchases.source = 'shop.orders'
        and orders.order_id = purchases.source_record_id
where
    purchases.purchase_id is null
    and not orders.is_cancelled
    and orders.ordered_at < {{ as_of_end() }}
