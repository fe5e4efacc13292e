-- A row each time the status changes. Most orders are paid by the time they are first sent; of one in
-- ten the same delivery tells both.
with told as (

    select * exclude (status, landed_on), landed_on, 'placed' as status, ordered_at as updated_at
    from orders
    where
        landed_on between getvariable('since') and getvariable('day')
        and (paid_on is null or paid_on > landed_on or draw(occasion_id, 'told twice') < 0.1)

    union all

    select * exclude (status, landed_on), paid_on, 'paid', paid_at
    from orders
    where paid_on between getvariable('since') and getvariable('day')

    union all

    select * exclude (status, landed_on), shipped_on, 'shipped', shipped_at
    from orders
    where shipped_on between getvariable('since') and getvariable('day')

    union all

    select * exclude (status, landed_on), ended_on, if(is_cancelled, 'cancelled', 'delivered'), coalesce(cancelled_at, delivered_at)
    from orders
    where ended_on between getvariable('since') and getvariable('day')

)

select
    order_id,
    account_id,
    ordered_at,
    status,
    -- some of the shop's pages write it in their own way
    if(draw(occasion_id, 'currency') < 0.02, 'usd', 'USD') as currency,
    shipping_postcode,
    is_gift,
    promised_date,
    if(status = 'delivered', delivered_at, null) as delivered_at,
    updated_at,
    landed_on
from told
-- as by order_id, but numbers are sorted faster
order by occasion_id, updated_at
