{{ config(post_hook='{{ begin_identity_build(this) }}') }}

{#- What the links hang on besides the records. When it differs from what the last finished build
    had, or when that did not finish, all is built anew; else only what the day changed. -#}
{%- set settings = {} -%}
{%- for name in [
    'identity_comparisons', 'identity_blocking_rules', 'identity_block_cap',
    'identity_surnames_per_value', 'identity_tiers', 'identity_review_weight',
    'identity_conflict_weight', 'identity_conflicts', 'identity_records_per_customer',
    'identity_matches_per_record', 'identity_matches_per_household_pair',
] -%}
    {%- do settings.update({name: var(name)}) -%}
{%- endfor -%}

with records as (

    select count(*) as record_count
    from {{ ref('int_identity__identifiers') }}

),

seed_rows as (

    {% for seed in [
        'identity_weights', 'identity_overrides', 'identity_term_frequencies', 'nicknames',
    ] -%}
    select '{{ seed }}' as seed, {{ row_text(ref(seed)) }} as row_text
    from {{ ref(seed) }} as seed_row
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

seeds as (

    select md5({{ joined('md5(seed || row_text)', '') }}) as seed_digest
    from seed_rows

)

select
    -- doubling of the records, in whole steps: see the prior of int_identity__weights
    cast(floor({{ log2('greatest(records.record_count, 2)') }}) as integer) as record_doublings,
    md5(
        '{{ local_md5(tojson(settings)) }}' || seeds.seed_digest
        || cast(floor({{ log2('greatest(records.record_count, 2)') }}) as string)
    ) as fingerprint
from records
cross join seeds
