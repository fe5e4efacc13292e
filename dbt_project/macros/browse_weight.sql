{% macro browse_weight(event_type) -%}
    case {{ event_type }}
        {%- for name, weight in var('browse_weights').items() %}
        when '{{ name }}' then {{ weight }}
        {%- endfor %}
    end
{%- endmacro %}
