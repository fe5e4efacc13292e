with trained as (

    select
        comparison,
        level,
        {{ log_ratio('m_probability', 'u_probability') }} as match_weight,
        u_probability,
        {{ log_ratio('m_probability', 'home_probability') }} as household_weight
    from {{ ref('identity_weights') }}

),

build as (

    select record_doublings
    from {{ ref('int_identity__build') }}

)

select
    -- halving the chance each time the records double, in whole steps, so that a record more does
    -- not change the weight of every pair
    max({{ log2(var('identity_matches_per_record')) }} - build.record_doublings) as prior_weight,
    {{ log2(var('identity_matches_per_household_pair')) }} as household_prior_weight
    {{ weights_side_by_side() }}
from trained
cross join build
