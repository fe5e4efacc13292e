with spells as (

    select
        spells.basis,
        spells.customer_id,
        spells.is_first,
        spells.end_reason,
        cast(date_trunc('month', spells.started_on) as date) as started_month,
        cast(date_trunc('month', spells.lost_on) as date) as lost_month,
        spells.returned_on is not null as is_back,
        spells.monthly_amount,
        case when spells.basis = 'contract' then spells.plan end as plan,
        coalesce(people.country, 'unknown') as country,
        coalesce(people.region, 'unknown') as region,
        coalesce(people.age_band, 'unknown') as age_band,
        coalesce(first_purchases.channel, 'none') as channel
    from {{ ref('int_kpis__spells') }} as spells
    left join {{ ref('int_kpis__people') }} as people on spells.customer_id = people.customer_id
    left join {{ ref('purchases') }} as first_purchases
        on spells.customer_id = first_purchases.customer_id and first_purchases.is_first

),

periods as (

    {{ periods_of(ref('int_kpis__months'), ['month', 'quarter']) }}

),

spell_cuts as (

    {{ cuts_by('spells', ['channel', 'plan', 'country', 'region', 'age_band']) }}

),

alike as (

    -- few rows, whatever the number of customers
    select
        basis,
        segment_type,
        segment,
        is_first,
        end_reason,
        is_back,
        started_month,
        lost_month,
        count(*) as spell_count,
        sum(monthly_amount) as monthly_amount
    from spell_cuts
    group by
        basis, segment_type, segment, is_first, end_reason, is_back, started_month, lost_month

),

seen as (

    select
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        alike.*,
        alike.started_month < periods.period_start as is_at_start,
        coalesce(alike.lost_month < periods.period_end, false) as is_ended
    from alike
    inner join periods
        on
            alike.started_month < periods.period_end
            and coalesce(alike.lost_month >= periods.period_start, true)

),

cells as (

    select
        period_grain,
        period_start,
        period_end,
        basis,
        segment_type,
        segment,
        sum(spell_count) as people_count,
        sum(case when is_at_start then spell_count else 0 end) as customers_at_start,
        sum(case when not is_at_start and is_first then spell_count else 0 end) as acquired,
        sum(case when not is_at_start and not is_first then spell_count else 0 end) as reactivated,
        sum(case when is_at_start and is_ended then spell_count else 0 end) as lost,
        sum(case when not is_at_start and is_ended then spell_count else 0 end) as early_terminated,
        sum(case when not is_ended then spell_count else 0 end) as customers_at_end,
        sum(case when is_at_start and is_ended and not is_back then spell_count else 0 end)
            as lost_restated,
        sum(case
            when is_at_start and is_ended and end_reason = 'voluntary' then spell_count
            else 0
        end) as lost_voluntary,
        sum(case
            when is_at_start and is_ended and end_reason = 'payment' then spell_count
            else 0
        end) as lost_involuntary,
        sum(case
            when is_at_start and is_ended and end_reason = 'moved_or_deceased' then spell_count
            else 0
        end) as lost_moved_or_deceased,
        sum(case when is_at_start then monthly_amount end) as revenue_at_start,
        sum(case when is_at_start and is_ended then monthly_amount end) as revenue_lost
    from seen
    group by period_grain, period_start, period_end, basis, segment_type, segment

),

named as (

    select
        *,
        {{ segment_without_small_cells(
            'people_count',
            'period_grain, period_start, basis',
            ['country', 'region', 'age_band']
        ) }} as published_segment
    from cells

),

totals as (

    select
        period_grain,
        period_start,
        period_end,
        basis,
        segment_type,
        published_segment as segment,
        {% for measure in [
            'customers_at_start', 'acquired', 'reactivated', 'lost', 'early_terminated',
            'customers_at_end', 'lost_restated', 'lost_voluntary', 'lost_involuntary',
            'lost_moved_or_deceased',
        ] -%}
            cast(sum({{ measure }}) as bigint) as {{ measure }},
        {% endfor -%}
        cast(sum(revenue_at_start) as decimal(18, 2)) as revenue_at_start,
        cast(sum(revenue_lost) as decimal(18, 2)) as revenue_lost
    from named
    group by period_grain, period_start, period_end, basis, segment_type, published_segment

)

select
    -- period and segment
    period_grain,
    period_start,
    segment_type,
    segment,
    basis,

    -- the bridge
    customers_at_start,
    acquired,
    reactivated,
    lost,
    early_terminated,
    customers_at_end,

    -- the lost
    lost_restated,
    case when basis = 'contract' then lost_voluntary end as lost_voluntary,
    case when basis = 'contract' then lost_involuntary end as lost_involuntary,
    case when basis = 'contract' then lost_moved_or_deceased end as lost_moved_or_deceased,

    -- rates
    100 * lost / cast(nullif(customers_at_start, 0) as double) as termination_rate_pct,
    {{ wilson_bound_pct('lost', 'customers_at_start', 'low') }} as termination_rate_low,
    {{ wilson_bound_pct('lost', 'customers_at_start', 'high') }} as termination_rate_high,
    100 * acquired / cast(nullif(lost, 0) as double) as acquired_to_lost_pct,

    -- money
    revenue_at_start,
    case when lost = 0 then cast(0 as decimal(18, 2)) else revenue_lost end as revenue_lost,
    100 * cast(coalesce(revenue_lost, case when lost = 0 then 0 end) as double)
    / cast(nullif(revenue_at_start, 0) as double) as revenue_lost_pct,

    -- properties
    {{ is_termination_provisional('basis', 'period_end') }} as is_provisional
from totals
