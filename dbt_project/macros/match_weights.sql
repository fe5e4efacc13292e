{% macro log2(number) -%}
    (ln(cast({{ number }} as double)) / ln(2))
{%- endmacro %}

{% macro log_ratio(numerator, denominator) -%}
    {{ log2(numerator ~ ' / nullif(' ~ denominator ~ ', 0)') }}
{%- endmacro %}


{#- The number of the level at which two rows agree, from 0; null when one does not know. -#}
{% macro agreement_level(comparison) -%}
    case
        when ({{ comparison.known }}) is not true then null
        {%- for level in comparison.levels[:-1] %}
        when {{ level.when }} then {{ loop.index0 }}
        {%- endfor %}
        else {{ comparison.levels | length - 1 }}
    end
{%- endmacro %}


{#- What a level weighs against strangers, in bits; rare values weigh more. -#}
{% macro level_weight(comparison, level) -%}
    case {{ level }}
        {%- for each in comparison.levels %}
        {%- set column = 'weights.' ~ comparison.name ~ '_' ~ each.level %}
        when {{ loop.index0 }} then {{ column }}_weight
        {%- if each.term_frequency is defined %}
            + {{ log2(column ~ '_share / coalesce(' ~ each.term_frequency ~ '_share, '
                ~ column ~ '_share)') }}
        {%- endif %}
        {%- endfor %}
    end
{%- endmacro %}


{#- What a level weighs against two people of one household, in bits. -#}
{% macro level_household_weight(comparison, level) -%}
    case {{ level }}
        {%- for each in comparison.levels %}
        when {{ loop.index0 }} then weights.{{ comparison.name }}_{{ each.level }}_household
        {%- endfor %}
    end
{%- endmacro %}


{#-
The match weight of two records, or of two groups of records, in bits: how much likelier they are
one person than not. Who is not the same person is a stranger or lives in the same household, and
each has a weight of its own: log2(p(same) / (p(stranger) + p(household))).
-#}
{% macro match_weight(prior, household_prior) -%}
    {%- set strangers = [prior] -%}
    {%- set household = [household_prior] -%}
    {%- for comparison in var('identity_comparisons') -%}
        {%- do strangers.append('coalesce(' ~ comparison.name ~ '_weight, 0)') -%}
        {%- do household.append('coalesce(' ~ comparison.name ~ '_household, 0)') -%}
    {%- endfor -%}
    -{{ log2('power(2, -' ~ bounded(strangers | join(' + ')) ~ ') + power(2, -'
        ~ bounded(household | join(' + ')) ~ ')') }}
{%- endmacro %}

{% macro bounded(weight) -%}
    greatest(least({{ weight }}, 60), -60)
{%- endmacro %}


{#-
What int_identity__scores keeps of how two records agree: the levels, and what they weigh against
strangers where that hangs on how common a value is. All else follows from the level.
-#}
{% macro agreement_columns() -%}
    {%- set columns = [] -%}
    {%- for comparison in var('identity_comparisons') -%}
        {%- do columns.append(comparison.name ~ '_level') -%}
        {%- if weighs_rarity(comparison) -%}
            {%- do columns.append(comparison.name ~ '_weight') -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{% macro weighs_rarity(comparison) -%}
    {{ return(comparison.levels | selectattr('term_frequency', 'defined') | list | length > 0) }}
{%- endmacro %}

{#- The weight against strangers of a row of int_identity__scores. -#}
{% macro kept_weight(comparison, scores) -%}
    {%- if weighs_rarity(comparison) -%}
        {{ scores }}.{{ comparison.name }}_weight
    {%- else -%}
        {{ level_weight(comparison, scores ~ '.' ~ comparison.name ~ '_level') }}
    {%- endif -%}
{%- endmacro %}


{#- Candidates with their levels, the weights of these, and the match weight. -#}
{% macro scored_pairs(candidates, profiles, weights, some) -%}
with candidates as (

    select a, b
    from {{ candidates }}

),

{% if some -%}
some_profiles as (

    select *
    from {{ profiles }}
    where record_no in (select a from candidates union all select b from candidates)

),

{% set profiles = 'some_profiles' -%}
{% endif -%}
compared as (

    select
        candidates.a,
        candidates.b,
        {% for comparison in var('identity_comparisons') -%}
        cast({{ agreement_level(comparison) }} as tinyint) as {{ comparison.name }}_level,
        {% for level in comparison.levels if level.term_frequency is defined -%}
        a.{{ level.term_frequency }}_share,
        {% endfor -%}
        {% endfor -%}
        a.first_name is null and a.last_name is null as a_is_nameless,
        b.first_name is null and b.last_name is null as b_is_nameless
    from candidates
    inner join {{ profiles }} as a on candidates.a = a.record_no
    inner join {{ profiles }} as b on candidates.b = b.record_no

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
    cross join {{ weights }} as weights

)

select
    -- the two records
    a,
    b,
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
    {% for column in agreement_columns() -%}
    {{ column }},
    {% endfor -%}
    {{ match_weight('prior_weight', 'household_prior_weight') }} as match_weight
from weighed
{%- endmacro %}


{#- A column for each comparison and level, from the row of the seed that speaks of it. -#}
{% macro weights_side_by_side() -%}
    {% for comparison in var('identity_comparisons') -%}
    {% for level in comparison.levels -%}
    {% set column = comparison.name ~ '_' ~ level.level -%}
    {% set here = "case when comparison = '" ~ comparison.name ~ "' and level = '" ~ level.level ~ "' then " -%}
    , coalesce(max({{ here }}match_weight end), 0) as {{ column }}_weight
    , coalesce(max({{ here }}household_weight end), 0) as {{ column }}_household
    {% if level.term_frequency is defined -%}
    , max({{ here }}u_probability end) as {{ column }}_share
    {% endif -%}
    {% endfor -%}
    {% endfor -%}
{%- endmacro %}
