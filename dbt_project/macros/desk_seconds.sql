{% macro desk_seconds(day, ts) -%}
    {%- set passed = seconds_between(day ~ '.opens_at', ts) -%}
    {{ day }}.seconds_before + coalesce(least(greatest({{ passed }}, 0), {{ day }}.open_seconds), 0)
{%- endmacro %}
