{% macro kpi_rows(relation, kpi, value, n, low='null', high='null') -%}
    select
        '{{ kpi }}' as kpi,
        period_grain,
        period_start,
        segment_type,
        segment,
        cast({{ value }} as double) as value,
        cast({{ low }} as double) as low,
        cast({{ high }} as double) as high,
        cast({{ n }} as bigint) as n,
        is_provisional
    from {{ relation }}
{%- endmacro %}
