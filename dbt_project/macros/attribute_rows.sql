{% macro attribute_rows(attribute, is_verified='false') -%}
    select
        customer_id,
        source,
        source_record_id,
        entered_at,
        changed_at,
        '{{ attribute }}' as attribute,
        cast({{ attribute }} as string) as value,
        cast({{ attribute }}_match as string) as match_value,
        {{ is_verified }} as is_verified
    from records
    where {{ attribute }}_match is not null
{%- endmacro %}
