{#- Judged by the day on which it was delivered, so that no row changes with the days that pass. -#}
{% macro date_match(day, delivered_on) -%}
    {%- set junk = var('junk_values') -%}
    case
        when {{ day }} in (
            {%- for value in junk['dates'] -%}
                cast('{{ value }}' as date){{ ', ' if not loop.last }}
            {%- endfor -%}
        ) then null
        when {{ day }} > {{ delivered_on }} then null
        when {{ day }} < cast(
            {{ delivered_on }} - interval '{{ junk["oldest_age_years"] }}' year as date
        ) then null
        else {{ day }}
    end
{%- endmacro %}
