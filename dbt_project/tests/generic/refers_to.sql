{% test refers_to(model, column_name, to, field) %}
    -- as `relationships`, but a feed that the tenant does not have breaks no reference
    select model.{{ column_name }}
    from {{ model }} as model
    left join {{ to }} as target on model.{{ column_name }} = target.{{ field }}
    where
        model.{{ column_name }} is not null
        and target.{{ field }} is null
        and exists (select 1 from {{ to }})
{% endtest %}
