{% macro default_country() -%}
    {{ env_var('INSIGHTS_COUNTRY', 'US') }}
{%- endmacro %}
