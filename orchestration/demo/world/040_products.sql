-- What is sold besides groceries: products with attributes, how they change, and who prefers what.
--
-- products(product_no, product_id, name, brand, designer, department, category, subcategory, color,
--          material, size, list_price, unit_cost, price_band, popularity)
-- product_changes(product_id, changed_on, list_price, color): later versions of some products
-- preferences(person_id, dimension, value): what a person prefers: brand, color, designer,
--          price_band, category. Null preference is no row.
-- pools(category, dimension, value, place, product_no) and pool_sizes(category, dimension, value,
--          product_count): the products a preference chooses from; dimension 'any' holds them all.

create table products as
with variants as (

    select
        row_number() over (order by things.category, things.thing_no, variant) as product_no,
        things.*,
        variant
    from things
    cross join range(1, 9) as numbers (variant)

),

drawn as (

    select
        *,
        -- eight brands serve a category, and every brand several
        brands()[1 + cast((hash(category) + cast(floor(8 * power(draw(product_no, 'brand'), 1.3)) as ubigint) * 5) % 16 as integer)] as brand,
        round(low_price * power(high_price / low_price, draw(product_no, 'price')), 0) - 0.01 as list_price
    from variants

)

select
    product_no,
    'R' || lpad(cast(product_no as varchar), 4, '0') as product_id,
    adjectives()[variant] || ' ' || thing || ' ' || brand as name,
    brand,
    case when category in ('fashion', 'home') and draw(product_no, 'designed') < 0.4
        then one_of(product_no, 'designer', designers()) end as designer,
    department,
    category,
    thing as subcategory,
    one_of(product_no, 'color', colors()) as color,
    case when category in ('home', 'kitchen', 'garden', 'fashion')
        then one_of(product_no, 'material', materials()) end as material,
    case when category in ('fashion', 'sports') then one_of(product_no, 'size', sizes()) end as size,
    cast(list_price as decimal(18, 2)) as list_price,
    cast(list_price * (0.45 + 0.2 * draw(product_no, 'cost')) as decimal(18, 2)) as unit_cost,
    case ntile(3) over (partition by category order by list_price, product_no)
        when 1 then 'low' when 2 then 'middle' else 'high' end as price_band,
    draw(product_no, 'popularity') as popularity
from drawn;

-- Prices move twice a year for one product in five; a few colours were wrong and are put right.
create table product_changes as
select
    product_id,
    first_day() + cast(day_count() * (0.2 + 0.3 * change_no * draw(product_no * 10 + change_no, 'changes when')) as integer) as changed_on,
    cast(list_price * (0.9 + 0.25 * draw(product_no * 10 + change_no, 'changes to')) as decimal(18, 2)) as list_price,
    case when draw(product_no, 'colour was wrong') < 0.1 then one_of(product_no, 'right color', colors()) else color end as color
from products
cross join range(1, 3) as numbers (change_no)
where draw(product_no, 'changes') < 0.2;

create table pools as
with members as (

    select category, 'any' as dimension, 'any' as value, product_no, popularity from products
    union all
    select category, 'brand', brand, product_no, popularity from products
    union all
    select category, 'color', color, product_no, popularity from products
    union all
    select category, 'designer', designer, product_no, popularity from products where designer is not null
    union all
    select category, 'price_band', price_band, product_no, popularity from products

)

select
    category,
    dimension,
    value,
    row_number() over (partition by category, dimension, value order by popularity desc, product_no) - 1 as place,
    product_no
from members;

create table pool_sizes as
select category, dimension, value, count(*) as product_count
from pools
group by category, dimension, value;

create table preferences as
with drawn as (

    select person_id, draw(person_id, 'prefers') as what
    from people

)

select
    person_id,
    case
        when what < 0.15 then 'brand'
        when what < 0.27 then 'color'
        when what < 0.35 then 'price_band'
        else 'designer'
    end as dimension,
    case
        when what < 0.15 then one_of(person_id, 'prefers brand', brands())
        when what < 0.27 then one_of(person_id, 'prefers color', colors())
        when what < 0.35 then one_of(person_id, 'prefers price', ['low', 'middle', 'high'])
        else one_of(person_id, 'prefers designer', designers())
    end as value
from drawn
where what < 0.42

union all

select person_id, 'category', favourite_category
from behaviours
where favourite_category is not null;
