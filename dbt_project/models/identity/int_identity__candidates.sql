{#- Whom a dirty record is compared with; when all is built anew, every two records. -#}
{%- set some = last_built(this.schema, 'int_identity__scores') is not none -%}
with profiles as (

    select *
    from {{ ref('int_identity__profiles') }}

),

dirty as (

    select record_no
    from {{ ref('int_identity__dirty_records') }}

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
    having count(*) between 2 and {{ var('identity_block_cap') }}

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
