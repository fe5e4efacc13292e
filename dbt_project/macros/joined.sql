{% macro joined(text, separator) -%}
    {{ return(adapter.dispatch('joined')(text, separator)) }}
{%- endmacro %}

{% macro default__joined(text, separator) -%}
    string_agg({{ text }}, '{{ separator }}' order by {{ text }})
{%- endmacro %}

{% macro spark__joined(text, separator) -%}
    array_join(array_sort(collect_list({{ text }})), '{{ separator }}')
{%- endmacro %}
