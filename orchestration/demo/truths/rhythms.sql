-- One row per person: how the purchases follow each other. rhythm: 'regular', 'random' or 'bursty';
-- null for those who buy once or twice a year, and for those whose purchases in stores are real (of
-- them nothing is known). period_days: mean days between two purchases; of bursty people over their
-- groups of two to four. purchase_count: in the feeds.
with counted as (

    select person_id, count(*) as purchase_count
    from occasions
    where landed_on <= last_day()
    group by person_id

)

select
    'person-' || cast(people.person_id as varchar) as person_id,
    behaviours.rhythm,
    round(behaviours.period_days, 2) as period_days,
    behaviours.does_stock_up,
    people.is_real,
    coalesce(counted.purchase_count, 0) as purchase_count
from people
inner join behaviours on people.person_id = behaviours.person_id
left join counted on people.person_id = counted.person_id
order by people.person_id
