with trained as (

    select
        comparison,
        level,
        {{ log_ratio('m_probability', 'u_probability') }} as match_weight,
        u_probability,
        {{ log_ratio('m_probability', 'home_probability') }} as household_weight
    from {{ ref('identity_weights') }}

),

priors as (

    select
        max(case when learned.prior = 'matches_per_record' then learned.value end)
            as matches_per_record,
        max(case when learned.prior = 'matches_per_household_pair' then learned.value end)
            as matches_per_household_pair
    from {{ ref('identity_priors') }} as learned

),

build as (

    select record_doublings
    from {{ ref('int_identity__build') }}

)

select
    -- halving the chance each time the records double, in whole steps, so that a record more does
    -- not change the weight of every pair
    max({{ log2('priors.matches_per_record') }} - build.record_doublings) as prior_weight,
    max({{ log2('priors.matches_per_household_pair') }}) as household_prior_weight
    {{ weights_side_by_side() }}
from trained
cross join priors
cross join build
