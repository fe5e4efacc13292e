-- the attributes of a group come from one record, so one rule chooses it

select attribute_group
from {{ ref('golden_rules') }}
group by attribute_group
having count(distinct rule) > 1
