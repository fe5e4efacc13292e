{% macro days_between(first, last) -%}
    {{ dbt.datediff(first, last, 'day') }}
{%- endmacro %}

{% macro months_between(first, last) -%}
    {{ dbt.datediff(first, last, 'month') }}
{%- endmacro %}

{% macro days_later(moment, days) -%}
    {{ dbt.dateadd('day', days, moment) }}
{%- endmacro %}
