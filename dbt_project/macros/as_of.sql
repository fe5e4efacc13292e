{% macro as_of() -%}
    cast('{{ var("as_of") }}' as date)
{%- endmacro %}


{% macro as_of_end() -%}
    {{ utc_start_of(as_of() ~ " + interval '1' day") }}
{%- endmacro %}
