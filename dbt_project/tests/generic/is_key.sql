{% test is_key(model, columns, may_be_null=[]) %}
    {%- set required = columns | reject('in', may_be_null) | list -%}
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1 or {{ required | join(' is null or ') }} is null
{% endtest %}
