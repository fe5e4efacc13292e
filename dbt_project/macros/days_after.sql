{% macro days_after(day, days) -%}
    cast({{ dbt.dateadd('day', 'cast(round(' ~ days ~ ') as integer)', day) }} as date)
{%- endmacro %}
