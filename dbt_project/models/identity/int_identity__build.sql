{{ config(post_hook='{{ begin_identity_build(this) }}') }}

with records as (

    -- doublings, in whole steps: see the prior of int_identity__weights
    select cast(floor({{ log2('greatest(count(*), 2)') }}) as integer) as record_doublings
    from {{ ref('int_identity__identifiers') }}

),

seed_rows as (

    {{ identity_seed_rows() }}

),

seeds as (

    select md5({{ joined('md5(seed || row_text)', '') }}) as seed_digest
    from seed_rows

)

select
    records.record_doublings,
    md5(
        '{{ identity_settings_digest() }}'
        || '{{ identity_rules() }}'
        || seeds.seed_digest
        || cast(records.record_doublings as string)
    ) as fingerprint,
    {{ is_as_built(last_built(this.schema, 'int_identity__built')) }} as is_of_changes
from records
cross join seeds
