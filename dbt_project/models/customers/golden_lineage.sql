with golden_values as (

    select
        customer_id,
        attribute,
        attribute_group,
        rule,
        source,
        source_record_id,
        runner_up_source,
        is_conflict,
        candidate_count
    from {{ ref('int_customers__golden_values') }}

)

select
    -- ids
    customer_id,
    attribute,

    -- properties
    attribute_group,
    rule,
    source,
    source_record_id,
    runner_up_source,
    is_conflict,

    -- measures
    candidate_count
from golden_values
