{% macro clean_text(text) -%}
    nullif(trim({{ text }}), '')
{%- endmacro %}
