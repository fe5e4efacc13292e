{#-
With `among`, only of the keys that this other relation holds. With `followed_in` only while its
`followed_when` is true: a build of changes asks about what it has written, any other about all.
`among_key` is the column of `among`, `model_key` SQL of the same key in the model, when these are
not the columns.
-#}
{% test is_key(
    model, columns, may_be_null=[], among=none, among_key=none, model_key=none,
    followed_in=none, followed_when='is_of_changes'
) %}
    {%- set required = columns | reject('in', may_be_null) | list -%}
    {%- set key = columns | join(', ') -%}
    select
        {{ key }},
        count(*) as row_count
    from {{ model }}{% if among and followed_in %}
    where
        not (select {{ followed_when }} from {{ followed_in }})
        or {{ model_key or among_key or key }} in (select {{ among_key or key }} from {{ among }})
    {%- elif among %}
    semi join {{ among }} as among using ({{ key }}){% endif %}
    group by {{ key }}
    having count(*) > 1 or {{ required | join(' is null or ') }} is null
{% endtest %}
