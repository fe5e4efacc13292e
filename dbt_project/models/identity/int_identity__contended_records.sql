{%- set before = last_built(this.schema, this.name) -%}
with state as (

    select version
    from {{ source('ledger', 'state') }}

),

members as (

    {{ cluster_members(ref('int_identity__records'), ref('int_identity__clusters')) }}

),

{% if follows_ledger('int_identity__assignments') -%}
assigned as (

    select
        record_key,
        cluster_key,
        link_rule,
        link_weight,
        first_seen_at
    from {{ last_built(this.schema, 'int_identity__assignments') }}

),

changed as (

    select
        coalesce(members.record_key, assigned.record_key) as record_key,
        members.cluster_key,
        assigned.cluster_key as former_cluster_key
    from members
    full outer join assigned on members.record_key = assigned.record_key
    where
        members.cluster_key is distinct from assigned.cluster_key
        or members.link_rule is distinct from assigned.link_rule
        or members.link_weight is distinct from assigned.link_weight
        or members.first_seen_at is distinct from assigned.first_seen_at

),

clusters as (

    select cluster_key from changed
    union
    select former_cluster_key as cluster_key from changed

),

contended as (

    select record_key from changed
    union
    select assigned.record_key
    from assigned
    semi join clusters on assigned.cluster_key = clusters.cluster_key
    {% if before is not none -%}
    union
    -- what a build of this version that was not finished has decided
    select already.record_key
    from {{ before }} as already
    inner join state on already.ledger_version = state.version
    {%- endif %}

)
{%- else -%}
contended as (

    -- no rows, for all are decided again
    select record_key
    from members
    where false

)
{%- endif %}

select
    contended.record_key,
    state.version as ledger_version
from contended
cross join state
