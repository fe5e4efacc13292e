-- a product has one version that holds, and it is the product
{{ config(meta={'dagster': {'ref': {'name': 'stg_catalogue__product_versions'}}}) }}

with holding as (

    select product_id, category, brand, list_price_amount
    from {{ ref('stg_catalogue__product_versions') }}
    where valid_to is null

)

select
    products.product_id,
    count(holding.product_id) as holding_count
from {{ ref('stg_catalogue__products') }} as products
left join holding
    on
        products.product_id = holding.product_id
        and products.category is not distinct from holding.category
        and products.brand is not distinct from holding.brand
        and products.list_price_amount is not distinct from holding.list_price_amount
group by products.product_id
having count(holding.product_id) <> 1
