{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{% if is_incremental() %}
        delete from {{ this }}
        where
            a in (select record_no from {{ ref('int_identity__dirty_records') }})
            or b in (select record_no from {{ ref('int_identity__dirty_records') }})
    {% endif %}"
) }}
-- depends_on: {{ ref('int_identity__dirty_records') }}

with profiles as (

    select *
    from {{ ref('int_identity__profiles') }}

),

candidates as (

    select a, b, rule_bits
    from {{ ref('int_identity__candidates') }}

),

compared as (

    select
        candidates.a,
        candidates.b,
        candidates.rule_bits,
        {% for comparison in var('identity_comparisons') -%}
        {{ agreement_level(comparison) }} as {{ comparison.name }}_level,
        {% for level in comparison.levels if level.term_frequency is defined -%}
        a.{{ level.term_frequency }}_share as a_{{ level.term_frequency }}_share,
        b.{{ level.term_frequency }}_share as b_{{ level.term_frequency }}_share,
        {% endfor -%}
        {% endfor -%}
        a.first_name is null and a.last_name is null as a_is_nameless,
        b.first_name is null and b.last_name is null as b_is_nameless
    from candidates
    inner join profiles as a on candidates.a = a.record_no
    inner join profiles as b on candidates.b = b.record_no

),

weighed as (

    select
        compared.*,
        {% for comparison in var('identity_comparisons') -%}
        {{ level_weight(comparison, comparison.name ~ '_level') }} as {{ comparison.name }}_weight,
        {{ level_household_weight(comparison, comparison.name ~ '_level') }}
            as {{ comparison.name }}_household,
        {% endfor -%}
        weights.prior_weight,
        weights.household_prior_weight
    from compared
    cross join {{ ref('int_identity__weights') }} as weights

)

select
    -- the two records
    a,
    b,
    rule_bits,
    a_is_nameless,
    b_is_nameless,
    case
        when email_level = 0 and first_name_level = 0 then 'email_and_first_name'
        when phone_level = 0 and first_name_level = 0 and last_name_level = 0 then 'phone_and_name'
        when birth_date_level = 0 and first_name_level = 0 and last_name_level = 0
            then 'name_and_birth_date'
        when address_level = 0 and first_name_level = 0 and last_name_level = 0
            then 'name_and_address'
        when email_level = 0 then 'email'
        when phone_level = 0 then 'phone'
        when first_name_level = 0 and last_name_level = 0 then 'name'
        else 'similar'
    end as rule,

    -- how they agree, and what that weighs
    {% for comparison in var('identity_comparisons') -%}
    {{ comparison.name }}_level,
    {{ comparison.name }}_weight,
    {{ comparison.name }}_household,
    {% endfor -%}
    {{ match_weight('prior_weight', 'household_prior_weight') }} as match_weight
from weighed
