-- One row per purchase that filled the cupboard: order's or receipt's number, how many times the usual
-- quantities were bought, and when the person next bought (null: not in the period).
with following as (

    select
        *,
        lead(bought_on) over (partition by person_id order by bought_at, occasion_id) as next_on
    from occasions
    where person_id in (select person_id from behaviours where does_stock_up)

)

select
    if(channel = 'store', 'X', 'O') || cast(occasion_id as varchar) as purchase_id,
    'person-' || cast(person_id as varchar) as person_id,
    bought_on as purchased_on,
    stock_factor,
    next_on as next_purchased_on
from following
where kind = 'stock_up' and landed_on <= last_day()
order by purchase_id
