{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ delete_contended('record_key') }}"
) }}
-- depends_on: {{ ref('int_identity__contended_records') }}

with state as (

    select version, changed_at
    from {{ source('ledger', 'state') }}

),

assignments as (

    select
        record_key,
        source,
        source_record_id,
        customer_id,
        previous_customer_id,
        link_rule,
        link_weight,
        first_seen_at
    from {{ ref('int_identity__assignments') }}
    {{ where_contended('record_key') }}

),

intervals as (

    select
        record_key,
        source,
        source_record_id,
        customer_id,
        link_rule,
        link_weight,
        valid_from,
        valid_to,
        assigned_at,
        assigned_in
    from {{ source('ledger', 'assignments') }}
    {{ where_contended('record_key') }}

),

ended_before as (

    select *
    from intervals
    where valid_to is not null

),

records_with_past as (

    select distinct record_key
    from ended_before

),

open_until_now as (

    -- by whichever rule the record belongs to the customer today; since it was first seen, until
    -- it ever belonged to another
    select
        intervals.record_key,
        intervals.source,
        intervals.source_record_id,
        intervals.customer_id,
        case
            when assignments.record_key is null then intervals.link_rule
            else assignments.link_rule
        end as link_rule,
        case
            when assignments.record_key is null then intervals.link_weight
            else assignments.link_weight
        end as link_weight,
        case
            when assignments.record_key is not null and records_with_past.record_key is null
                then least(assignments.first_seen_at, intervals.assigned_at)
            else intervals.valid_from
        end as valid_from,
        case when assignments.record_key is null then state.changed_at end as valid_to,
        intervals.assigned_at,
        intervals.assigned_in
    from intervals
    cross join state
    left join assignments
        on
            intervals.record_key = assignments.record_key
            and intervals.customer_id = assignments.customer_id
    left join records_with_past on intervals.record_key = records_with_past.record_key
    where intervals.valid_to is null

),

begun as (

    select
        assignments.record_key,
        assignments.source,
        assignments.source_record_id,
        assignments.customer_id,
        assignments.link_rule,
        assignments.link_weight,
        case
            when
                assignments.previous_customer_id is null and records_with_past.record_key is null
                then least(assignments.first_seen_at, state.changed_at)
            else state.changed_at
        end as valid_from,
        cast(null as timestamp) as valid_to,
        state.changed_at as assigned_at,
        state.version as assigned_in
    from assignments
    cross join state
    left join records_with_past on assignments.record_key = records_with_past.record_key
    where assignments.customer_id is distinct from assignments.previous_customer_id

)

select * from ended_before
union all
select * from open_until_now
union all
select * from begun
