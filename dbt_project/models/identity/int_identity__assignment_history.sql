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

),

known_records as (

    select record_key, count(*) as interval_count
    from intervals
    group by record_key

),

lasting as (

    -- by whichever rule the record belongs to the customer today; since it was first seen, until
    -- it ever belonged to another
    select
        assignments.record_key,
        assignments.source,
        assignments.source_record_id,
        assignments.customer_id,
        assignments.link_rule,
        assignments.link_weight,
        case
            when known_records.interval_count = 1
                then least(assignments.first_seen_at, intervals.assigned_at)
            else intervals.valid_from
        end as valid_from,
        intervals.valid_to,
        intervals.assigned_at,
        intervals.assigned_in
    from intervals
    inner join assignments
        on
            intervals.record_key = assignments.record_key
            and intervals.customer_id = assignments.customer_id
    inner join known_records on intervals.record_key = known_records.record_key
    where intervals.valid_to is null

),

past as (

    select
        intervals.record_key,
        intervals.source,
        intervals.source_record_id,
        intervals.customer_id,
        intervals.link_rule,
        intervals.link_weight,
        intervals.valid_from,
        coalesce(intervals.valid_to, state.changed_at) as valid_to,
        intervals.assigned_at,
        intervals.assigned_in
    from intervals
    cross join state
    left join lasting
        on
            intervals.record_key = lasting.record_key
            and intervals.assigned_in = lasting.assigned_in
    where intervals.valid_to is not null or lasting.record_key is null

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
            when known_records.record_key is null
                then least(assignments.first_seen_at, state.changed_at)
            else state.changed_at
        end as valid_from,
        cast(null as timestamp) as valid_to,
        state.changed_at as assigned_at,
        state.version as assigned_in
    from assignments
    cross join state
    left join known_records on assignments.record_key = known_records.record_key
    where assignments.customer_id is distinct from assignments.previous_customer_id

)

select * from past
union all
select * from lasting
union all
select * from begun
