{% macro quoted(words) -%}
    {%- for word in words -%}
        '{{ word | replace("'", "''") }}'{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
