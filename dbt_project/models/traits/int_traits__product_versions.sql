with price_borders as (

    -- cheap and dear are said within a category
    select
        category,
        percentile_cont({{ 1 / 3 }}) within group (order by list_price_amount) as low_until,
        percentile_cont({{ 2 / 3 }}) within group (order by list_price_amount) as high_from
    from {{ ref('stg_catalogue__products') }}
    where category is not null and list_price_amount is not null
    group by category

),

products as (

    select
        versions.product_id,
        versions.category,
        versions.brand,
        versions.designer,
        case
            when versions.list_price_amount < price_borders.low_until then 'low'
            when versions.list_price_amount >= price_borders.high_from then 'high'
            when versions.list_price_amount is not null then 'middle'
        end as price_band,
        versions.color,
        versions.material,
        versions.size,
        versions.valid_from,
        versions.valid_to
    from {{ ref('stg_catalogue__product_versions') }} as versions
    left join price_borders on versions.category = price_borders.category

)

select
    -- ids
    product_id,

    -- properties
    category,
    brand,
    designer,
    case when category is not null then price_band end as price_band,
    color,
    material,
    size,

    -- timestamps
    valid_from,
    valid_to,

    -- lineage
    {{ row_hash(
        ['category', 'brand', 'designer', 'price_band', 'color', 'material', 'size', 'valid_from',
         'valid_to']
    ) }} as _content
from products
