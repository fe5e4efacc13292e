{% macro postcode_area(postcode) -%}
    {%- set bare = "translate(upper(" ~ postcode ~ "), ' -.', '')" -%}
    nullif(left({{ bare }}, case when length({{ bare }}) > 4 then 3 else 2 end), '')
{%- endmacro %}
