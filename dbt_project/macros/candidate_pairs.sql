{#-
Pairs (a, b) of records that agree in all keys of a blocking rule. With `some`, only
pairs with a record of `dirty`.
-#}
{% macro candidate_pairs(profiles, dirty, some) -%}
with dirty as (

    select *
    from {{ profiles }}
    where record_no in (select record_no from {{ dirty }})

),

{% for rule in var('identity_blocking_rules') -%}
{% set keys = key_names(rule['keys']) | join(', ') -%}
{{ rule.name }} as (

    {% if some and rule.against is not defined -%}
    -- of the blocks that hold a dirty record
    select members.*
    from ({{ keyed(profiles, rule) }}) as members
    semi join ({{ keyed('dirty', rule) }}) as dirty_keys using ({{ keys }})
    {%- else -%}
    select
        record_no,
        {{ numbered(rule['keys']) }}
        {%- if rule.against is defined %},
        {{ numbered(rule.against, 'against') }}
        {%- endif %}
    from {{ profiles }}
    where {{ all_known(rule['keys']) }}
    {%- endif %}

),

{% if rule.against is not defined -%}
{{ rule.name }}_blocks as (

    -- each named by its smallest record
    select {{ keys }}, min(record_no) as block_no
    from {{ rule.name }}
    group by {{ keys }}
    having count(*) between 2 and {{ block_cap(rule) }}

),

{% endif -%}
{% endfor -%}
members as (

    {% for rule in var('identity_blocking_rules') if rule.against is not defined -%}
    select {{ loop.index }} as rule_no, blocks.block_no, members.record_no
    from {{ rule.name }} as members
    inner join {{ rule.name }}_blocks as blocks
        using ({{ key_names(rule['keys']) | join(', ') }})
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

pairs as (

    select one.record_no as a, other.record_no as b
    from members as one
    inner join members as other
        on one.rule_no = other.rule_no and one.block_no = other.block_no
    where
        one.record_no < other.record_no
        {% if some -%}
        and (
            one.record_no in (select record_no from dirty)
            or other.record_no in (select record_no from dirty)
        )
        {% endif %}
    {% for rule in var('identity_blocking_rules') if rule.against is defined -%}
    union all
    select
        least(one.record_no, other.record_no) as a,
        greatest(one.record_no, other.record_no) as b
    from {{ rule.name }} as one
    inner join {{ rule.name }} as other
        on {% for key in key_names(rule['keys']) -%}
            one.{{ key }} = other.{{ key | replace('key', 'against') }}{{ ' and ' if not loop.last }}
        {%- endfor %}
    where
        one.record_no <> other.record_no
        {% if some -%}
        and one.record_no in (select record_no from dirty)
        {% endif %}
    {% endfor %}
)

select distinct a, b
from pairs
{%- endmacro %}


{#-
Records (record_no) whose pairs are not as they were: the changed ones, and the members of a block
that passed the cap, in either direction, because of them. None when all is built anew.
-#}
{% macro records_to_compare(changed, profiles, some) -%}
{%- if not some -%}
select record_no from {{ changed }} where false
{%- else -%}
with changed as (

    select *
    from {{ changed }}

),

changed_profiles as (

    select *
    from {{ profiles }}
    where record_no in (select record_no from changed)

),

{% for rule in var('identity_blocking_rules') if rule.against is not defined -%}
{% set keys = key_names(rule['keys']) -%}
{{ rule.name }}_moves as (

    -- by how much each block has grown
    select {{ keys | join(', ') }}, sum(moved) as moved
    from (
        select {{ numbered(rule['keys']) }}, 1 as moved
        from changed_profiles
        where {{ all_known(rule['keys']) }}
        union all
        select {{ numbered(rule['keys']) }}, -1 as moved
        from changed
        where {{ all_known(rule['keys']) }}
    ) as moves
    group by {{ keys | join(', ') }}
    having sum(moved) <> 0

),

{{ rule.name }}_flipped as (

    -- a block that is compared from now on, or no longer
    select {{ qualified('blocks', keys) }}
    from ({{ keyed(profiles, rule) }}) as blocks
    inner join {{ rule.name }}_moves as moves on {{ same_key('blocks', 'moves', keys) }}
    group by {{ qualified('blocks', keys) }}
    {%- set cap = block_cap(rule) %}
    having (count(*) > {{ cap }}) <> (count(*) - max(moves.moved) > {{ cap }})

),

{% endfor -%}
dirty as (

    select record_no from changed
    {% for rule in var('identity_blocking_rules') if rule.against is not defined -%}
    union
    select members.record_no
    from ({{ keyed(profiles, rule) }}) as members
    semi join {{ rule.name }}_flipped as blocks
        on {{ same_key('members', 'blocks', key_names(rule['keys'])) }}
    {% endfor %}
)

select record_no
from dirty
{%- endif -%}
{%- endmacro %}
