{%- set cap = var('identity_block_cap') -%}
with changed as (

    select record_no
    from {{ ref('int_identity__changed_records') }}

),

profiles as (

    select *
    from {{ ref('int_identity__profiles') }}

),

profiles_before as (

    select *
    from {{ ref('int_identity__profiles_before') }}

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
