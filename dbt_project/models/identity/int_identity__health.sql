with state as (

    select
        version,
        run_id,
        accepted_churn_share,
        accepted_consolidation_shift
    from {{ source('ledger', 'state') }}

),

records_before as (

    select count(*) as record_count
    from {{ source('ledger', 'assignments') }}
    where valid_to is null

),

customers_before as (

    select count(*) as customer_count
    from {{ source('ledger', 'customers') }}
    where state = 'live'

),

records_after as (

    select
        count(*) as record_count,
        count(previous_customer_id) as known_record_count,
        count_if(is_changed) as changed_record_count
    from {{ ref('int_identity__assignments') }}

),

customers_after as (

    select count(*) as customer_count
    from {{ ref('int_identity__customers') }}
    where state = 'live'

),

rates as (

    select
        records_before.record_count as previous_record_count,
        customers_before.customer_count as previous_customer_count,
        records_after.record_count,
        customers_after.customer_count,
        records_after.changed_record_count,
        records_after.changed_record_count
        / nullif(cast(records_after.known_record_count as double), 0) as churn_share,
        1 - customers_after.customer_count / nullif(cast(records_after.record_count as double), 0)
            as consolidation_rate,
        1 - customers_before.customer_count
        / nullif(cast(records_before.record_count as double), 0) as previous_consolidation_rate
    from records_before
    cross join customers_before
    cross join records_after
    cross join customers_after

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
