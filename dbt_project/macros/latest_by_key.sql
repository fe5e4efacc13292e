{% macro latest_by_key(feed, key, cursor=none) -%}
    select arrived.*
    from {{ feed }} as arrived
    where arrived._load_date <= {{ as_of() }}
    qualify {{ rank_in_key('arrived', key, cursor) }} = 1
{%- endmacro %}


{% macro rank_in_key(relation, key, cursor) -%}
    row_number() over (
        partition by {{ qualified(relation, key) }}
        order by
            {% if cursor %}{{ relation }}.{{ cursor }} desc nulls last,{% endif %}
            {{ relation }}._load_date desc nulls last,
            {# content stands before lineage in a row, so files and lines decide only between
               rows that say the same -#}
            {{ whole_row(relation) }} desc
    )
{%- endmacro %}


{% macro qualified(relation, columns) -%}
    {%- for column in columns -%}
        {{ relation }}.{{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{% macro whole_row(relation) -%}
    {{ return(adapter.dispatch('whole_row')(relation)) }}
{%- endmacro %}

{% macro default__whole_row(relation) -%}
    {{ relation }}
{%- endmacro %}

{% macro spark__whole_row(relation) -%}
    struct({{ relation }}.*)
{%- endmacro %}
