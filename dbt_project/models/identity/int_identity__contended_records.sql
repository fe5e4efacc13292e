with members as (

    {{ cluster_members(ref('int_identity__records'), ref('int_identity__clusters')) }}

),

contended as (

    {{ contended_records(
        members='members',
        assigned=last_built(this.schema, 'int_identity__assignments'),
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
