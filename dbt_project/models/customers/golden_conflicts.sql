with lineage as (

    select
        attribute,
        rule,
        candidate_count > 1 as is_compared,
        is_conflict
    from {{ ref('golden_lineage') }}

),

counted as (

    select
        attribute,
        rule,
        count(*) as customer_count,
        count_if(is_compared) as compared_count,
        count_if(is_conflict) as conflict_count
    from lineage
    group by attribute, rule

)

select
    -- attribute
    attribute,
    rule,

    -- counts
    cast(customer_count as bigint) as customer_count,
    cast(compared_count as bigint) as compared_count,
    cast(conflict_count as bigint) as conflict_count,

    -- rates
    100 * cast(conflict_count as double) / nullif(compared_count, 0) as conflict_pct,
    {{ wilson_bound_pct('conflict_count', 'compared_count', 'low') }} as conflict_low,
    {{ wilson_bound_pct('conflict_count', 'compared_count', 'high') }} as conflict_high
from counted
