{% macro days_between(first, last) -%}
    {{ dbt.datediff(first, last, 'day') }}
{%- endmacro %}

{% macro months_between(first, last) -%}
    {{ dbt.datediff(first, last, 'month') }}
{%- endmacro %}

{% macro seconds_between(first, last) -%}
    {{ dbt.datediff(first, last, 'second') }}
{%- endmacro %}

{% macro seconds_later(ts, seconds) -%}
    {{ dbt.dateadd('second', seconds, ts) }}
{%- endmacro %}

{% macro days_later(day, days) -%}
    cast({{ dbt.dateadd('day', days, day) }} as date)
{%- endmacro %}

{% macro minutes_later(day, minutes) -%}
    {{ dbt.dateadd('minute', minutes, 'cast(' ~ day ~ ' as timestamp)') }}
{%- endmacro %}
