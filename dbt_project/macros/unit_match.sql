{% macro unit_match(street) -%}
    nullif(regexp_extract({{ street_words(street) }}, '{{ unit_pattern() }}', 1), '')
{%- endmacro %}
