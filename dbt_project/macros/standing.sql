{#-
How many of a customer's categories stand in each stage of the path, in one number that can be added
up: four digits a stage, the one furthest along first, and what is looked for before what was bought.
-#}
{% macro standing_of(stage) -%}
    case {{ stage }}
        when 'intent' then 10000000000000000
        when 'inform' then 1000000000000
        when 'explore' then 100000000
        when 'purchase' then 10000
        when 'after_purchase' then 1
        else 0
    end
{%- endmacro %}

{% macro stage_of_standing(standing) -%}
    case
        when {{ standing }} >= 10000000000000000 then 'intent'
        when {{ standing }} >= 1000000000000 then 'inform'
        when {{ standing }} >= 100000000 then 'explore'
        when {{ standing }} >= 10000 then 'purchase'
        when {{ standing }} >= 1 then 'after_purchase'
        else 'dormant'
    end
{%- endmacro %}
