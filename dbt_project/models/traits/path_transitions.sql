select
    -- ids
    customer_id,
    category,

    -- properties
    from_stage,
    to_stage,
    is_skip,
    cause,
    is_gift,
    is_returned,

    -- timestamps
    changed_at,
    known_at,

    -- measures
    dwell_hours
from {{ ref('int_traits__path_changes') }}
-- what will fade later has not changed yet
where changed_at < {{ as_of_end() }}
