-- One row per person: how discounts are taken. class: 'full_price', 'opportunist', 'deal_only', or null
-- where nothing is planted. discount_share: of purchases during a promotion those made at its price
-- (in stores with a card only). is_real: then it holds for orders in the web shop alone.
-- offered_purchases, discounted_purchases: those in the feeds that could have been, and those that
-- were made at a promotion's price or with a coupon.
with counted as (

    select
        occasions.person_id,
        count(*) as offered_purchases,
        count_if(occasions.is_discounted) as discounted_purchases
    from occasions
    inner join behaviours on occasions.person_id = behaviours.person_id
    where
        occasions.landed_on <= last_day()
        and (occasions.bought_on - first_day()) % 14 < 10
        and (behaviours.is_member or occasions.channel = 'web')
    group by occasions.person_id

)

select
    'person-' || cast(behaviours.person_id as varchar) as person_id,
    behaviours.sensitivity as class,
    cast(behaviours.discount_share as double) as discount_share,
    people.is_real,
    coalesce(counted.offered_purchases, 0) as offered_purchases,
    coalesce(counted.discounted_purchases, 0) as discounted_purchases
from behaviours
inner join people on behaviours.person_id = people.person_id
left join counted on behaviours.person_id = counted.person_id
order by behaviours.person_id
