{#-
The records of a relation in the blocks they belong to: (block, cap, record_no). A block is the
digest of a rule and its keys, because numbers are counted and matched at a fraction of what text
costs. Nothing agrees with what is not known; an initial is no first name.
-#}
{% macro block_members(relation) -%}
    {% for rule in var('identity_blocking_rules') -%}
    {% set keys = rule['keys'] -%}
    {% set list = keys | join(', ') -%}
    {% set sorted = ['least(' ~ list ~ ')', 'greatest(' ~ list ~ ')'] -%}
    select
        {{ digest([loop.index] + (sorted if rule.in_any_order else keys)) }} as block,
        {{ rule.cap or var('identity_block_cap') }} as cap,
        record_no
    from {{ relation }}
    where
        {% for key in keys -%}
        {{ 'and ' if not loop.first }}{{ key }} is not null{{ ' and length(first_name) > 1' if key == 'first_name' }}
        {% endfor -%}
    {{ 'union all' if not loop.last }}
    {% endfor %}
{%- endmacro %}


{#- A number that stands for values that are known. -#}
{% macro digest(values) -%}
    {{ return(adapter.dispatch('digest')(values)) }}
{%- endmacro %}

{% macro default__digest(values) -%}
    hash({{ values | join(', ') }})
{%- endmacro %}

{% macro spark__digest(values) -%}
    xxhash64({{ values | join(', ') }})
{%- endmacro %}
