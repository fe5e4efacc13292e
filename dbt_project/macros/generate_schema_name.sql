{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- a station is a schema, under its own name -#}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
