with profiles as (

    select *
    from {{ ref('int_identity__profiles') }}

),

{% for rule in var('identity_blocking_rules') -%}
{{ rule.name }}_keys as (

    select
        record_no,
        {{ numbered(rule['keys']) }}
    from profiles
    where {{ all_known(rule['keys']) }}

),

{% set keys = [] -%}
{% for key in rule['keys'] %}{% do keys.append('key_' ~ loop.index) %}{% endfor -%}
{{ rule.name }}_blocks as (

    select {{ keys | join(', ') }}
    from {{ rule.name }}_keys
    group by {{ keys | join(', ') }}
    having count(*) <= {{ var('identity_block_cap') }}{{ ' and count(*) > 1' if rule.against is not defined }}

),

{{ rule.name }}_pairs as (

    select
        least(one.record_no, other.record_no) as a,
        greatest(one.record_no, other.record_no) as b
    from {{ rule.name }}_keys as one
    inner join {{ rule.name }}_blocks as blocks on {{ same_keys('one', 'blocks', keys) }}
    {% if rule.against is defined -%}
    inner join profiles as other
        on {% for key in rule.against -%}
            one.key_{{ loop.index }} = other.{{ key }}{{ ' and ' if not loop.last }}
        {%- endfor %}
    where one.record_no <> other.record_no
    {%- else -%}
    inner join {{ rule.name }}_keys as other on {{ same_keys('one', 'other', keys) }}
    where one.record_no < other.record_no
    {%- endif %}

),

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
