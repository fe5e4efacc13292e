{#-
Pairs (a, b, rule_bits) of records that agree in all keys of a blocking rule. With `some`, only
pairs with a record of `dirty`.
-#}
{% macro candidate_pairs(profiles, dirty, some) -%}
with profiles as (

    select *
    from {{ profiles }}

),

dirty as (

    select record_no
    from {{ dirty }}

),

{% for rule in var('identity_blocking_rules') -%}
{% set keys = key_names(rule['keys']) -%}
{{ rule.name }}_all as (

    select
        record_no,
        {{ numbered(rule['keys']) }}
        {%- if rule.against is defined %},
        {{ numbered(rule.against, 'against') }}
        {%- endif %}
    from profiles
    where {{ all_known(rule['keys']) }}

),

{{ rule.name }}_dirty as (

    select *
    from {{ rule.name }}_all
    {{ 'where record_no in (select record_no from dirty)' if some }}

),

{% if rule.against is not defined -%}
{{ rule.name }}_keys as (

    -- of the blocks that hold a dirty record
    select members.*
    from {{ rule.name }}_all as members
    {% if some -%}
    semi join {{ rule.name }}_dirty as dirty_members
        on {{ same_key('members', 'dirty_members', keys) }}
    {%- endif %}

),

{{ rule.name }}_blocks as (

    select {{ keys | join(', ') }}
    from {{ rule.name }}_keys
    group by {{ keys | join(', ') }}
    having count(*) between 2 and {{ rule.cap or var('identity_block_cap') }}

),

{{ rule.name }}_pairs as (

    select
        least(one.record_no, other.record_no) as a,
        greatest(one.record_no, other.record_no) as b
    from {{ rule.name }}_dirty as one
    inner join {{ rule.name }}_blocks as blocks on {{ same_key('one', 'blocks', keys) }}
    inner join {{ rule.name }}_keys as other on {{ same_key('one', 'other', keys) }}
    where one.record_no {{ '<>' if some else '<' }} other.record_no

),

{% else -%}
{{ rule.name }}_pairs as (

    select
        least(one.record_no, other.record_no) as a,
        greatest(one.record_no, other.record_no) as b
    from {{ rule.name }}_dirty as one
    inner join {{ rule.name }}_all as other
        on {% for key in keys -%}
            one.{{ key }} = other.{{ key | replace('key', 'against') }}{{ ' and ' if not loop.last }}
        {%- endfor %}
    where one.record_no <> other.record_no

),

{% endif -%}
{% endfor -%}
pairs as (

    {% for rule in var('identity_blocking_rules') -%}
    select a, b, {{ 2 ** loop.index0 }} as rule_bit from {{ rule.name }}_pairs
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    a,
    b,
    cast(bit_or(rule_bit) as bigint) as rule_bits
from pairs
group by a, b
{%- endmacro %}


{#-
Records (record_no) whose pairs are not as they were: the changed ones, and the members of a block
that passed the cap, in either direction, because of them.
-#}
{% macro records_to_compare(changed, profiles, profiles_before) -%}
with changed as (

    select record_no
    from {{ changed }}

),

profiles as (

    select *
    from {{ profiles }}

),

profiles_before as (

    select *
    from {{ profiles_before }}

),

{% for rule in var('identity_blocking_rules') if rule.against is not defined -%}
{% set keys = key_names(rule['keys']) -%}
{{ rule.name }}_moves as (

    -- by how much each block has grown
    select {{ keys | join(', ') }}, sum(moved) as moved
    from (
        select {{ numbered(rule['keys']) }}, 1 as moved
        from profiles
        where {{ all_known(rule['keys']) }} and record_no in (select record_no from changed)
        union all
        select {{ numbered(rule['keys']) }}, -1 as moved
        from profiles_before
        where {{ all_known(rule['keys']) }}
    ) as moves
    group by {{ keys | join(', ') }}
    having sum(moved) <> 0

),

{{ rule.name }}_keys as (

    select
        record_no,
        {{ numbered(rule['keys']) }}
    from profiles
    where {{ all_known(rule['keys']) }}

),

{{ rule.name }}_flipped as (

    -- a block that is compared from now on, or no longer
    select {{ qualified('blocks', keys) }}
    from {{ rule.name }}_keys as blocks
    inner join {{ rule.name }}_moves as moves on {{ same_key('blocks', 'moves', keys) }}
    group by {{ qualified('blocks', keys) }}
    {%- set cap = rule.cap or var('identity_block_cap') %}
    having (count(*) > {{ cap }}) <> (count(*) - max(moves.moved) > {{ cap }})

),

{% endfor -%}
dirty as (

    select record_no from changed
    {% for rule in var('identity_blocking_rules') if rule.against is not defined -%}
    union
    select members.record_no
    from {{ rule.name }}_keys as members
    semi join {{ rule.name }}_flipped as blocks
        on {{ same_key('members', 'blocks', key_names(rule['keys'])) }}
    {% endfor %}
)

select record_no
from dirty
{%- endmacro %}
