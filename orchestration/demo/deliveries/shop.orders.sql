-- The shop exports each night what changed: an order comes once for a day, as it stood at its end. Most
-- are paid by the time they are first sent; of one in ten of these the export tells both.
with changed as (

    select * exclude (landed_on), landed_on, 'placed' as status, bought_at as updated_at
    from order_facts
    where
        landed_on between getvariable('since') and getvariable('day')
        and (paid_on is null or paid_on > landed_on or draw(occasion_id, 'told twice') < 0.1)
        and (shipped_on is null or shipped_on > landed_on)
        and ended_on > landed_on

    union all

    select * exclude (landed_on), paid_on, 'paid', paid_at
    from order_facts
    where
        paid_on between getvariable('since') and getvariable('day')
        and shipped_on is distinct from paid_on
        and ended_on <> paid_on

    union all

    select * exclude (landed_on), shipped_on, 'shipped', shipped_at
    from order_facts
    where
        shipped_on between getvariable('since') and getvariable('day')
        and ended_on <> shipped_on

    union all

    select
        * exclude (landed_on),
        ended_on,
        if(is_cancelled, 'cancelled', 'delivered'),
        coalesce(cancelled_at, delivered_at)
    from order_facts
    where ended_on between getvariable('since') and getvariable('day')

),

-- only numbers and short words are sorted
sorted as (

    select *
    from changed
    order by landed_on, occasion_id, updated_at

)

select
    'O' || cast(occasion_id as varchar) as order_id,
    -- as in `orders`
    if(is_guest, 'G' || cast(occasion_id as varchar), 'A' || cast(person_id as varchar)) as account_id,
    bought_at as ordered_at,
    status,
    -- some of the shop's pages write it in their own way
    if(draw(occasion_id, 'currency') < 0.02, 'usd', 'USD') as currency,
    cast(postcode_no as varchar) as shipping_postcode,
    is_gift,
    promised_date,
    if(status = 'delivered', delivered_at, null) as delivered_at,
    updated_at,
    landed_on
from sorted
