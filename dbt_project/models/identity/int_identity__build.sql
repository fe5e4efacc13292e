{{ config(post_hook='{{ begin_identity_build(this) }}') }}

with records as (

    select count(*) as record_count
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
    -- doubling of the records, in whole steps: see the prior of int_identity__weights
    cast(floor({{ log2('greatest(records.record_count, 2)') }}) as integer) as record_doublings,
    md5(
        '{{ identity_settings_digest() }}' || seeds.seed_digest
        || cast(floor({{ log2('greatest(records.record_count, 2)') }}) as string)
    ) as fingerprint
from records
cross join seeds
