{% macro junk_to_null(text, kind) -%}
    {%- set junk = var('junk_values') -%}
    nullif({{ regex_replace(text, '^(' ~ (junk['any'] + junk[kind]) | join('|') ~ ')$', '') }}, '')
{%- endmacro %}
