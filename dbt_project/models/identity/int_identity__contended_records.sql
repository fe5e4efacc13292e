-- depends_on: {{ ref('int_identity__build') }}
{%- set some = 'select record_key from touched' if follows_changes() %}

with affected as (

    select record_no
    from {{ ref('int_identity__affected_records') }}

),

touched as (

    select record_key
    from {{ ref('int_identity__touched_records') }}
    union
    select clusters.record_key
    from {{ ref('int_identity__clusters') }} as clusters
    where clusters.record_no in (select affected.record_no from affected)

),

members as (

    {{ cluster_members(
        ref('int_identity__records'),
        ref('int_identity__clusters'),
        some
    ) }}

),

contended as (

    {{ contended_records(
        members='members',
        assigned=last_built(this.schema, 'int_identity__assignments'),
        some=some,
        already=last_built(this.schema, this.name),
        state=source('ledger', 'state')
    ) }}

),

state as (

    select version
    from {{ source('ledger', 'state') }}

)

select
    contended.record_key,
    state.version as ledger_version
from contended
cross join state
