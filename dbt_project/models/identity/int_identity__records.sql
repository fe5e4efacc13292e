{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{% if is_incremental() %}
        delete from {{ this }}
        where
            source || ':' || source_record_id in (
                select record_key from {{ ref('int_identity__touched_records') }}
            )
    {% endif %}"
) }}

with known as (

    {{ known_records(
        touched=ref('int_identity__touched_records'),
        listed=ref('int_identity__listed_records'),
        acts=ref('int_identity__acts')
    ) }}

),

entered as (

    select
        *,
        coalesce(entered_at < {{ as_of_end() }}, false) as is_entered
    from known
    where
        is_listed
        -- a card or an account that its own system did not tell us of is still a person; a reader
        -- is known by an address, which an unlisted one does not have
        or (first_acted_at is not null and source in ('loyalty.members', 'shop.accounts'))

)

select
    -- ids
    source,
    source_record_id,

    -- properties
    is_listed,
    is_entered,

    -- timestamps
    coalesce(
        least(case when is_entered then entered_at end, first_acted_at), changed_at
    ) as first_seen_at,
    -- to be entered is an act too
    coalesce(
        greatest(case when is_entered then entered_at end, last_acted_at),
        first_acted_at,
        changed_at
    ) as last_seen_at,
    entered_at,
    changed_at,
    first_acted_at,
    last_acted_at,

    -- lineage
    _load_date,
    _raw_version
from entered
