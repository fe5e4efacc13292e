{#- The keys of a blocking rule as key_1, key_2, .. -#}
{% macro numbered(keys) -%}
    {%- for key in keys -%}
        {{ key }} as key_{{ loop.index }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Nothing agrees with what is not known; an initial is no first name. -#}
{% macro all_known(keys) -%}
    {%- for key in keys -%}
        {{ key }} is not null{{ ' and length(first_name) > 1' if key == 'first_name' }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro same_keys(one, other, keys) -%}
    {%- for key in keys -%}
        {{ one }}.{{ key }} = {{ other }}.{{ key }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
