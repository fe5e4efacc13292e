{% macro desk_seconds(day, ts) -%}
    (
        {{ day }}.seconds_before
        + coalesce(
            least(
                greatest({{ seconds_between(day ~ '.opens_at', ts) }}, 0), {{ day }}.open_seconds
            ),
            0
        )
    )
{%- endmacro %}
