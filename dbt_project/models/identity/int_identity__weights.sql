with trained as (

    select
        comparison,
        level,
        {{ log_ratio('m_probability', 'u_probability') }} as match_weight,
        u_probability,
        {{ log_ratio('m_probability', 'household_probability') }} as household_weight
    from {{ ref('identity_weights') }}

),

build as (

    select record_doublings
    from {{ ref('int_identity__build') }}

)

select
    {% for comparison in var('identity_comparisons') -%}
    {% for level in comparison.levels + [{'level': 'else'}] -%}
    {% set column = comparison.name ~ '_' ~ level.level -%}
    {% set here = "case when comparison = '" ~ comparison.name ~ "' and level = '" ~ level.level ~ "' then " -%}
    coalesce(max({{ here }}match_weight end), 0) as {{ column }}_weight,
    coalesce(max({{ here }}household_weight end), 0) as {{ column }}_household,
    {% if level.term_frequency is defined -%}
    max({{ here }}u_probability end) as {{ column }}_share,
    {% endif -%}
    {% endfor -%}
    {% endfor -%}
    -- halving the chance each time the records double, in whole steps, so that a record more does
    -- not change the weight of every pair
    max(
        {{ log2(var('identity_matches_per_record')) }}
        - build.record_doublings
    ) as prior_weight,
    {{ log2(var('identity_matches_per_household_pair')) }} as household_prior_weight
from trained
cross join build
