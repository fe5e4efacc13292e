{% macro date_match(day) -%}
    {%- set junk = var('junk_values') -%}
    case
        when {{ day }} in (
            {%- for value in junk['dates'] -%}
                cast('{{ value }}' as date){{ ', ' if not loop.last }}
            {%- endfor -%}
        ) then null
        when {{ day }} > {{ as_of() }} then null
        when {{ day }} < cast(
            {{ as_of() }} - interval '{{ junk["oldest_age_years"] }}' year as date
        ) then null
        else {{ day }}
    end
{%- endmacro %}
