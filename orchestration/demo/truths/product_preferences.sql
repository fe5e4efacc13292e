-- One row per person and preferred value; who prefers nothing has one row without dimension. Three
-- lines in four of a person with a preferred brand, color, designer or price band have it, where the
-- category has such products; seven purchases in ten of a person with a preferred category are in it.
select
    'person-' || cast(people.person_id as varchar) as person_id,
    preferences.dimension,
    preferences.value
from people
left join preferences on people.person_id = preferences.person_id
order by people.person_id, preferences.dimension
