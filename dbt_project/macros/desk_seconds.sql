{% macro desk_seconds(day, ts) -%}
    (
        {{ day }}.seconds_before
        + coalesce(
            least(
                greatest({{ dbt.datediff(day ~ '.opens_at', ts, 'second') }}, 0), {{ day }}.open_seconds
            ),
            0
        )
    )
{%- endmacro %}
