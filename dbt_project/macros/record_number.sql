{% macro record_number(key) -%}
    {{ return(adapter.dispatch('record_number')(key)) }}
{%- endmacro %}

{#- 60 bits of the md5: joins and groups of numbers cost a third of those of text -#}
{% macro default__record_number(key) -%}
    cast(md5_number_lower({{ key }}) // 16 as bigint)
{%- endmacro %}

{% macro spark__record_number(key) -%}
    cast(conv(left(md5({{ key }}), 15), 16, 10) as bigint)
{%- endmacro %}
