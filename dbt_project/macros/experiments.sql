{#- What only experiments ask for. Statistics that other marts share stand in statistics.sql. -#}

{% macro two_sided_t_p(t, df) -%}
    {#- the normal score of a t value (Wallace 1959), off by less than 0.001 from 30 degrees on -#}
    {%- set score = 'sqrt(' ~ df ~ ' * ln(1 + (' ~ t ~ ') * (' ~ t ~ ') / ' ~ df ~ '))' -%}
    {{ normal_two_sided_p('((8 * ' ~ df ~ ' + 1) / (8 * ' ~ df ~ ' + 3) * ' ~ score ~ ')') }}
{%- endmacro %}


{% macro variance_of_sums(total, total_of_squares, n) -%}
    {#- sample variance out of exact sums, which no order of rows can change -#}
    greatest(
        0e0,
        (
            cast({{ total_of_squares }} as double)
            - cast({{ total }} as double) * cast({{ total }} as double) / nullif({{ n }}, 0)
        ) / nullif({{ n }} - 1, 0)
    )
{%- endmacro %}


{% macro planned_treatment_share(campaign_id) -%}
    case {{ campaign_id }}
        {%- for campaign, share in var('offer_treatment_shares').items() %}
        when '{{ campaign }}' then {{ share }}e0
        {%- endfor %}
        when '' then null
        else 0.5e0
    end
{%- endmacro %}
