with measures as (

    select recency_days, frequency_days, monetary_amount
    from {{ ref('int_traits__rfm_measures') }}

),

frozen as (

    select
        measure,
        score,
        lower_value,
        upper_value
    from {{ ref('rfm_frozen_thresholds') }}

),

measured as (

    select
        'recency_days' as measure,
        cast(recency_days as decimal(18, 2)) as value,
        -- a customer who came lately is the better one
        cast(-recency_days as decimal(18, 2)) as merit
    from measures
    union all
    select
        'frequency_days' as measure,
        cast(frequency_days as decimal(18, 2)) as value,
        cast(frequency_days as decimal(18, 2)) as merit
    from measures
    union all
    select
        'monetary_amount' as measure,
        monetary_amount as value,
        monetary_amount as merit
    from measures

),

distinct_values as (

    select
        measure,
        value,
        merit,
        count(*) as customer_count
    from measured
    group by measure, value, merit

),

ranked as (

    select
        measure,
        value,
        coalesce(sum(customer_count) over (
            partition by measure
            order by merit
            rows between unbounded preceding and 1 preceding
        ), 0) as beaten_count,
        sum(customer_count) over (partition by measure) as customer_count
    from distinct_values

),

scored as (

    -- equal values have one score: how many fifths of the customers lie below
    select
        measure,
        value,
        1 + cast(floor(5 * cast(beaten_count as double) / customer_count) as integer) as score
    from ranked

),

lowest as (

    select
        measure,
        score,
        min(value) as lowest_value
    from scored
    group by measure, score

),

own as (

    -- the outermost borders are open, so that every value has a score on another day too
    select
        measure,
        score,
        lag(lowest_value) over (partition by measure order by lowest_value) as previous_value,
        lowest_value,
        lead(lowest_value) over (partition by measure order by lowest_value) as upper_value
    from lowest

)

select
    measure,
    score,
    case when previous_value is not null then lowest_value end as lower_value,
    upper_value,
    false as is_frozen
from own
where measure not in (select frozen.measure from frozen)
union all
select
    measure,
    score,
    lower_value,
    upper_value,
    true as is_frozen
from frozen
