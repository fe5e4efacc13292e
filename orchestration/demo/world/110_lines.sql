-- What is in the baskets. Most lines are of the purchase's category; who prefers a brand, color,
-- designer or price band takes three in four of them from what has it.
--
-- prices(product_no, from_on, to_on, list_price): what a piece costs, to_on not included
-- lines(occasion_id, line_number, landed_on, is_store, product_no, quantity, unit_price,
--          discount_amount, coupon_code)
-- unit_price: before any discount. discount_amount: on the whole line, either the promotion's or
--          the coupon's, which then is named. Sorted by landed_on.

create table prices as
with versions as (

    select product_id, date '1900-01-01' as changed_on, list_price
    from products
    union all
    select product_id, changed_on, list_price
    from product_changes

),

following as (

    select
        product_id,
        changed_on as from_on,
        coalesce(lead(changed_on) over (partition by product_id order by changed_on, list_price), date '2999-12-31') as to_on,
        list_price
    from versions

)

select
    products.product_no,
    following.from_on,
    following.to_on,
    following.list_price
from following
inner join products on following.product_id = products.product_id
where following.from_on < following.to_on
order by products.product_no, following.from_on;

-- Every pool in one row of places, the most popular product first.
create temp table shelf as
select
    row_number() over (order by category, dimension, value, place) as shelf_no,
    category,
    dimension,
    value,
    product_no
from pools;

create temp table shelves as
select
    category,
    dimension,
    value,
    min(shelf_no) as first_no,
    count(*) as product_count
from shelf
group by category, dimension, value;

create temp table baskets as
with tastes as (

    select
        preferences.person_id,
        shelves.category,
        shelves.first_no,
        shelves.product_count
    from preferences
    inner join shelves on preferences.dimension = shelves.dimension and preferences.value = shelves.value
    where preferences.dimension <> 'category'

)

select
    occasions.occasion_id,
    occasions.landed_on,
    occasions.bought_on,
    occasions.channel = 'store' as is_store,
    occasions.stock_factor,
    occasions.is_discounted,
    -- only a gift is chosen without regard to the buyer's taste
    if(occasions.kind = 'gift_or_event', null, taste.first_no) as taste_first_no,
    taste.product_count as taste_count,
    category.first_no as category_first_no,
    category.product_count as category_count,
    if(occasions.is_redeemed, campaigns.coupon_code, null) as coupon_code,
    if(occasions.is_redeemed, cast(campaigns.discount_rate as double), 0) as coupon_rate,
    case
        when occasions.kind = 'stock_up' then 2 + pick(occasions.occasion_id, 'stocked lines', 3)
        when draw(occasions.occasion_id, 'lines') < 0.45 then 1
        when draw(occasions.occasion_id, 'lines') < 0.75 then 2
        when draw(occasions.occasion_id, 'lines') < 0.90 then 3
        else 4
    end as line_count
from occasions
inner join shelves as category on occasions.category = category.category and category.dimension = 'any'
left join tastes as taste on occasions.person_id = taste.person_id and occasions.category = taste.category
left join campaigns on occasions.campaign_id = campaigns.campaign_id;

create table lines as
with numbered as (

    select
        baskets.*,
        unnest(range(1, line_count + 1)) as line_number
    from baskets

),

keyed as (

    select
        *,
        occasion_id * 8 + line_number as line_key
    from numbered

),

chosen as (

    select
        occasion_id,
        line_number,
        line_key,
        landed_on,
        bought_on,
        is_store,
        is_discounted,
        coupon_code,
        coupon_rate,
        cast(case
            -- something of another category beside it
            when line_number > 1 and draw(line_key, 'other category') < 0.15 then 0
            when taste_first_no is not null and draw(line_key, 'by taste') < 0.75
                then taste_first_no + floor(taste_count * power(draw(line_key, 'place'), 2))
            else category_first_no + floor(category_count * power(draw(line_key, 'place'), 2))
        end as bigint) as shelf_no,
        cast(stock_factor * case
            when draw(line_key, 'pieces') < 0.82 then 1
            when draw(line_key, 'pieces') < 0.96 then 2
            else 3
        end as integer) as quantity
    from keyed

),

-- found before the join with prices: a subquery in a join's condition compares every pair of rows
taken as (

    select
        chosen.*,
        coalesce(
            shelf.product_no,
            1 + pick(chosen.line_key, 'any product', (select count(*) from products))
        ) as product_no
    from chosen
    left join shelf on chosen.shelf_no = shelf.shelf_no

),

priced as (

    select
        taken.*,
        prices.list_price
    from taken
    inner join prices
        on
            taken.product_no = prices.product_no
            and taken.bought_on >= prices.from_on
            and taken.bought_on < prices.to_on

)

select
    occasion_id,
    cast(line_number as tinyint) as line_number,
    landed_on,
    is_store,
    cast(product_no as smallint) as product_no,
    cast(quantity as smallint) as quantity,
    list_price as unit_price,
    cast(case
        when coupon_rate > 0 then quantity * list_price * cast(coupon_rate as decimal(4, 2))
        -- a discounted purchase has one discounted line at least
        when is_discounted and coupon_code is null and (line_number = 1 or draw(line_key, 'promoted') < 0.6)
            then quantity * list_price * one_of(line_key, 'promotion', [0.10, 0.15, 0.20, 0.25, 0.30, 0.40])
        else 0
    end as decimal(18, 2)) as discount_amount,
    case when coupon_rate > 0 or line_number = 1 then coupon_code end as coupon_code
from priced;

drop table baskets;
drop table shelves;
drop table shelf;
