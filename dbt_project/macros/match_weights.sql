{% macro log2(number) -%}
    (ln(cast({{ number }} as double)) / ln(2))
{%- endmacro %}

{% macro log_ratio(numerator, denominator) -%}
    {{ log2(numerator ~ ' / nullif(' ~ denominator ~ ', 0)') }}
{%- endmacro %}


{#- The number of the level at which two rows agree, from 0; null when one does not know. -#}
{% macro agreement_level(comparison, a='a', b='b') -%}
    case
        when not (
            {%- for column in comparison.known %}
            {{ a }}.{{ column }} is not null and {{ b }}.{{ column }} is not null
            {{- ' and ' if not loop.last }}
            {%- endfor %}
        ) then null
        {%- for level in comparison.levels %}
        when {{ level.when }} then {{ loop.index0 }}
        {%- endfor %}
        else {{ comparison.levels | length }}
    end
{%- endmacro %}


{#- What a level weighs against strangers, in bits; rare values weigh more. -#}
{% macro level_weight(comparison, level) -%}
    case {{ level }}
        {%- for each in comparison.levels + [{'level': 'else'}] %}
        {%- set column = 'weights.' ~ comparison.name ~ '_' ~ each.level %}
        when {{ loop.index0 }} then {{ column }}_weight
        {%- if each.term_frequency is defined %}
            + {{ log2(column ~ '_share / coalesce(greatest(a_' ~ each.term_frequency ~ '_share, b_'
                ~ each.term_frequency ~ '_share), ' ~ column ~ '_share)') }}
        {%- endif %}
        {%- endfor %}
    end
{%- endmacro %}


{#- What a level weighs against two people of one household, in bits. -#}
{% macro level_household_weight(comparison, level) -%}
    case {{ level }}
        {%- for each in comparison.levels + [{'level': 'else'}] %}
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
