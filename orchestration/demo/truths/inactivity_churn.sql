-- One row per person with a rhythm: the day from which the person does nothing any more (null: stays),
-- the last purchase in the feeds, and when the next would have been due.
with last_purchases as (

    select person_id, max(bought_on) as last_purchase_on
    from occasions
    where landed_on <= last_day()
    group by person_id

)

select
    'person-' || cast(behaviours.person_id as varchar) as person_id,
    behaviours.rhythm,
    behaviours.left_on,
    last_purchases.last_purchase_on,
    last_purchases.last_purchase_on + cast(ceil(behaviours.period_days) as integer) as next_due_on
from behaviours
left join last_purchases on behaviours.person_id = last_purchases.person_id
where behaviours.rhythm is not null
order by behaviours.person_id
