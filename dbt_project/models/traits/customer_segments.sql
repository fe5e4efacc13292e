with customers as (

    select customer_id
    from {{ ref('customers') }}

),

measures as (

    select
        customer_id,
        recency_days,
        frequency_days,
        monetary_amount
    from {{ ref('int_traits__rfm_measures') }}

),

thresholds as (

    select
        measure,
        score,
        lower_value,
        upper_value
    from {{ ref('rfm_thresholds') }}

),

measured as (

    select
        customer_id,
        'recency_days' as measure,
        cast(recency_days as decimal(18, 2)) as value
    from measures
    union all
    select
        customer_id,
        'frequency_days' as measure,
        cast(frequency_days as decimal(18, 2)) as value
    from measures
    union all
    select
        customer_id,
        'monetary_amount' as measure,
        monetary_amount as value
    from measures

),

scores as (

    select
        measured.customer_id,
        max(case when measured.measure = 'recency_days' then thresholds.score end) as rfm_r,
        max(case when measured.measure = 'frequency_days' then thresholds.score end) as rfm_f,
        max(case when measured.measure = 'monetary_amount' then thresholds.score end) as rfm_m
    from measured
    inner join thresholds
        on
            measured.measure = thresholds.measure
            and (thresholds.lower_value is null or measured.value >= thresholds.lower_value)
            and (thresholds.upper_value is null or measured.value < thresholds.upper_value)
    group by measured.customer_id

),

segments as (

    select
        rfm_r,
        rfm_f,
        rfm_m,
        rfm_segment
    from {{ ref('rfm_segments') }}

)

select
    -- ids
    customers.customer_id,

    -- segments
    scores.rfm_r,
    scores.rfm_f,
    scores.rfm_m,
    segments.rfm_segment,

    -- measures
    measures.recency_days,
    measures.frequency_days,
    measures.monetary_amount
from customers
left join measures on customers.customer_id = measures.customer_id
left join scores on customers.customer_id = scores.customer_id
left join segments
    on
        scores.rfm_r is not distinct from segments.rfm_r
        and scores.rfm_f is not distinct from segments.rfm_f
        and scores.rfm_m is not distinct from segments.rfm_m
