{% macro reporting_date(ts) -%}
    {{ return(adapter.dispatch('reporting_date')(ts)) }}
{%- endmacro %}

{% macro default__reporting_date(ts) -%}
    cast(timezone('{{ reporting_timezone() }}', timezone('UTC', {{ ts }})) as date)
{%- endmacro %}

{% macro spark__reporting_date(ts) -%}
    cast(from_utc_timestamp({{ ts }}, '{{ reporting_timezone() }}') as date)
{%- endmacro %}


{% macro utc_start_of(day) -%}
    {{ return(adapter.dispatch('utc_start_of')(day)) }}
{%- endmacro %}

{% macro default__utc_start_of(day) -%}
    timezone('UTC', timezone('{{ reporting_timezone() }}', cast({{ day }} as timestamp)))
{%- endmacro %}

{% macro spark__utc_start_of(day) -%}
    to_utc_timestamp(cast({{ day }} as timestamp), '{{ reporting_timezone() }}')
{%- endmacro %}


{% macro reporting_timezone() -%}
    {{ env_var('INSIGHTS_TIMEZONE', 'UTC') }}
{%- endmacro %}
