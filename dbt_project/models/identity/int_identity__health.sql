with state as (

    select
        version,
        run_id,
        accepted_churn_share,
        accepted_consolidation_shift
    from {{ source('ledger', 'state') }}

),

before as (

    select count(*) as record_count, count(distinct customer_id) as customer_count
    from {{ source('ledger', 'assignments') }}
    where valid_to is null

),

after as (

    select
        count(*) as record_count,
        count(distinct customer_id) as customer_count,
        count(previous_customer_id) as known_record_count,
        count_if(is_changed) as changed_record_count
    from {{ ref('int_identity__assignments') }}

),

rates as (

    select
        before.record_count as previous_record_count,
        before.customer_count as previous_customer_count,
        after.record_count,
        after.customer_count,
        after.changed_record_count,
        after.changed_record_count / nullif(cast(after.known_record_count as double), 0)
            as churn_share,
        1 - after.customer_count / nullif(cast(after.record_count as double), 0)
            as consolidation_rate,
        1 - before.customer_count / nullif(cast(before.record_count as double), 0)
            as previous_consolidation_rate
    from before
    cross join after

)

select
    -- ids
    state.version as ledger_version,
    state.run_id,

    -- counts
    rates.record_count,
    rates.customer_count,
    rates.previous_record_count,
    rates.previous_customer_count,
    rates.changed_record_count,

    -- measures
    rates.churn_share,
    rates.consolidation_rate,
    rates.previous_consolidation_rate,
    abs(rates.consolidation_rate - rates.previous_consolidation_rate) as consolidation_shift,
    state.accepted_churn_share,
    state.accepted_consolidation_shift
from rates
cross join state
