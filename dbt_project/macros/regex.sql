{% macro regex_replace(text, pattern, replacement) -%}
    {{ return(adapter.dispatch('regex_replace')(text, pattern, replacement)) }}
{%- endmacro %}

{% macro default__regex_replace(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern | replace("'", "''") }}', '{{ replacement }}', 'g')
{%- endmacro %}

{% macro spark__regex_replace(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern | replace("'", "''") }}', '{{ replacement }}')
{%- endmacro %}


{% macro regex_matches(text, pattern) -%}
    {{ return(adapter.dispatch('regex_matches')(text, pattern)) }}
{%- endmacro %}

{% macro default__regex_matches(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern | replace("'", "''") }}')
{%- endmacro %}

{% macro spark__regex_matches(text, pattern) -%}
    {{ text }} rlike '{{ pattern | replace("'", "''") }}'
{%- endmacro %}
