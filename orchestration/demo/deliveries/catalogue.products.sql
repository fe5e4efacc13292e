-- The whole catalogue at first; afterwards what changed.
with versions as (

    select
        products.product_no,
        products.list_price,
        products.color,
        cast(first_day() as timestamp) as updated_at,
        first_day() as landed_on
    from products
    where getvariable('since') < first_day()

    union all

    select
        products.product_no,
        product_changes.list_price,
        product_changes.color,
        -- two changes of one day come one after the other
        product_changes.changed_on + to_seconds(25200 + 60 * row_number() over (
            partition by product_changes.product_id, product_changes.changed_on order by product_changes.list_price
        )),
        product_changes.changed_on
    from product_changes
    inner join products on product_changes.product_id = products.product_id
    where product_changes.changed_on between getvariable('since') and getvariable('day')

)

select
    products.product_id,
    products.name,
    products.brand,
    products.designer,
    products.department,
    products.category,
    products.subcategory,
    versions.color,
    products.material,
    products.size,
    versions.list_price,
    products.unit_cost,
    iso(versions.updated_at) as updated_at,
    versions.landed_on
from versions
inner join products on versions.product_no = products.product_no
order by products.product_id, versions.updated_at
