{% macro given(name, value, expression) -%}
    {{ return(adapter.dispatch('given')(name, value, expression)) }}
{%- endmacro %}

{% macro default__given(name, value, expression) -%}
    list_transform([{{ value }}], lambda {{ name }}: {{ expression }})[1]
{%- endmacro %}

{% macro spark__given(name, value, expression) -%}
    transform(array({{ value }}), {{ name }} -> {{ expression }})[0]
{%- endmacro %}
