{% macro local_hour(ts, time_zone) -%}
    {{ return(adapter.dispatch('local_hour')(ts, time_zone)) }}
{%- endmacro %}

{% macro default__local_hour(ts, time_zone) -%}
    extract(hour from timezone({{ time_zone }}, timezone('UTC', {{ ts }})))
{%- endmacro %}

{% macro spark__local_hour(ts, time_zone) -%}
    extract(hour from from_utc_timestamp({{ ts }}, {{ time_zone }}))
{%- endmacro %}
