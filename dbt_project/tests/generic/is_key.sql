{#- With `among`, only of the keys that this other relation holds. -#}
{% test is_key(model, columns, may_be_null=[], among=none) %}
    {%- set required = columns | reject('in', may_be_null) | list -%}
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}{% if among %}
    semi join {{ among }} as among using ({{ columns | join(', ') }}){% endif %}
    group by {{ columns | join(', ') }}
    having count(*) > 1 or {{ required | join(' is null or ') }} is null
{% endtest %}
