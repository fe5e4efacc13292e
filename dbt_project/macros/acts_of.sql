{% macro acts_of(feed, source, key, acted_at, is_own_act='true', condition='true') -%}
    {#- grouped feed by feed, so that no feed's rows are carried further than their keys -#}
    select
        '{{ source }}' as source,
        {{ key }} as source_record_id,
        {{ is_own_act }} as is_own_act,
        min(cast({{ acted_at }} as timestamp)) as first_acted_at,
        max(cast({{ acted_at }} as timestamp)) as last_acted_at
    from {{ feed }}
    where
        {{ key }} is not null
        and cast({{ acted_at }} as timestamp) < {{ as_of_end() }}
        and {{ condition }}
    group by {{ key }}
{%- endmacro %}
