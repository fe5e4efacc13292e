{% macro words_of(relation, columns, words) -%}
    {{ return(adapter.dispatch('words_of')(relation, columns, words)) }}
{%- endmacro %}

{% macro default__words_of(relation, columns, words) -%}
    select
        {{ columns | join(', ') }},
        unnest({{ words }}) as word,
        generate_subscripts({{ words }}, 1) as place
    from {{ relation }}
{%- endmacro %}

{% macro spark__words_of(relation, columns, words) -%}
    select
        {{ columns | join(', ') }},
        posexploded.word,
        posexploded.place + 1 as place
    from {{ relation }}
    lateral view posexplode({{ words }}) posexploded as place, word
{%- endmacro %}
