-- One row per person whom the tracker sees. dimension (brand, designer) and value: what the person
-- looks at again and again and has never bought; null: no such gap was planted. view_visits: visits
-- with pages of products in categories in which the value can be met.
with visits as (

    select
        person_id,
        count(*) as view_visits
    from sessions
    where pool_no is not null and script in ('inform', 'browse', 'cart', 'click') and landed_on <= last_day()
    group by person_id

)

select
    'person-' || cast(browsers.person_id as varchar) as person_id,
    browse_gaps.dimension,
    browse_gaps.value,
    if(browse_gaps.person_id is null, null, coalesce(visits.view_visits, 0)) as view_visits
from browsers
left join browse_gaps on browsers.person_id = browse_gaps.person_id
left join visits on browsers.person_id = visits.person_id
order by browsers.person_id
