{#- All columns of a relation's row as one text. -#}
{% macro row_text(relation) -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            coalesce(cast({{ column.name }} as string), '~') || '|'{{ ' || ' if not loop.last }}
        {%- endfor -%}
    {%- else -%}
        ''
    {%- endif -%}
{%- endmacro %}
