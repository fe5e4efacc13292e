with spells as (

    select
        basis,
        customer_id,
        spell_number,
        started_on,
        lost_on,
        end_reason,
        signals_until
    from {{ ref('int_kpis__spells') }}

),

periods as (

    {{ periods_of(ref('int_kpis__months'), ['month', 'quarter']) }}

),

lost as (

    select
        periods.period_grain,
        periods.period_start,
        spells.basis,
        spells.customer_id,
        spells.end_reason,
        spells.signals_until
    from spells
    inner join periods
        on
            spells.started_on < periods.period_start
            and spells.lost_on >= periods.period_start
            and spells.lost_on < periods.period_end

),

at_start as (

    select
        periods.period_grain,
        periods.period_start,
        spells.basis,
        count(*) as customer_count,
        count_if(coalesce(spells.lost_on >= periods.period_end, true)) as stayed_count
    from spells
    inner join periods
        on
            spells.started_on < periods.period_start
            and coalesce(spells.lost_on >= periods.period_start, true)
    group by periods.period_grain, periods.period_start, spells.basis

),

deliveries as (

    select
        purchases.customer_id,
        purchases.purchase_id,
        purchases.purchase_date,
        {{ reporting_date('orders.delivered_at') }} > orders.promised_date as is_late
    from {{ ref('purchases') }} as purchases
    inner join {{ ref('stg_shop__orders') }} as orders
        on purchases.source_record_id = orders.order_id
    where purchases.source = 'shop.orders'

),

signals as (

    -- what happened to people, each with its rank: the last counts, of deliveries a late one
    select
        'last_ticket' as reason_kind,
        customer_id,
        created_date as signal_date,
        topic as reason,
        1 as weight,
        ticket_id as signal_id
    from {{ ref('int_kpis__tickets') }}
    where customer_id is not null
    union all
    select
        'last_score' as reason_kind,
        customer_id,
        answered_date as signal_date,
        case
            when survey = 'nps'
                then
                    case
                        when score >= 9 then 'promoter'
                        when score >= 7 then 'passive'
                        else 'detractor'
                    end
            when is_satisfied then 'satisfied'
            else 'dissatisfied'
        end as reason,
        1 as weight,
        response_id as signal_id
    from {{ ref('int_kpis__answers') }}
    where customer_id is not null and is_counted
    union all
    select
        'delivery' as reason_kind,
        customer_id,
        purchase_date as signal_date,
        case when is_late then 'late' else 'in time' end as reason,
        case when is_late then 2 else 1 end as weight,
        purchase_id as signal_id
    from deliveries
    where customer_id is not null and is_late is not null

),

lost_signals as (

    select
        lost.period_grain,
        lost.period_start,
        lost.basis,
        lost.customer_id,
        signals.reason_kind,
        signals.reason
    from lost
    inner join signals
        on
            lost.customer_id = signals.customer_id
            and lost.signals_until >= signals.signal_date
            and {{ days_between('signals.signal_date', 'lost.signals_until') }}
            < {{ var('termination_lookback_days') }}
    qualify
        row_number() over (
            partition by
                lost.period_grain, lost.period_start, lost.basis, lost.customer_id,
                signals.reason_kind
            order by signals.weight desc, signals.signal_date desc, signals.signal_id desc
        ) = 1

),

-- who stayed is asked the same of as many days before the period
known_before as (

    select
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        signals.customer_id,
        signals.reason_kind,
        signals.reason
    from signals
    inner join periods
        on
            signals.signal_date < periods.period_start
            and {{ days_between('signals.signal_date', 'periods.period_start') }}
            <= {{ var('termination_lookback_days') }}
    qualify
        row_number() over (
            partition by
                periods.period_grain, periods.period_start, signals.customer_id,
                signals.reason_kind
            order by signals.weight desc, signals.signal_date desc, signals.signal_id desc
        ) = 1

),

stayed_reasons as (

    select
        known_before.period_grain,
        known_before.period_start,
        spells.basis,
        known_before.reason_kind,
        known_before.reason,
        count(*) as stayed_count
    from known_before
    inner join spells
        on
            known_before.customer_id = spells.customer_id
            and known_before.period_start > spells.started_on
            and coalesce(known_before.period_end <= spells.lost_on, true)
    group by
        known_before.period_grain, known_before.period_start, spells.basis,
        known_before.reason_kind, known_before.reason

),

lost_reasons as (

    select
        period_grain,
        period_start,
        basis,
        reason_kind,
        reason,
        count(*) as lost_count
    from lost_signals
    group by period_grain, period_start, basis, reason_kind, reason
    union all
    select
        period_grain,
        period_start,
        basis,
        'declared' as reason_kind,
        coalesce(end_reason, 'not said') as reason,
        count(*) as lost_count
    from lost
    where basis = 'contract'
    group by period_grain, period_start, basis, coalesce(end_reason, 'not said')

),

lost_totals as (

    select
        period_grain,
        period_start,
        basis,
        count(*) as lost_count
    from lost
    group by period_grain, period_start, basis

),

told as (

    select
        coalesce(lost_reasons.period_grain, stayed_reasons.period_grain) as period_grain,
        coalesce(lost_reasons.period_start, stayed_reasons.period_start) as period_start,
        coalesce(lost_reasons.basis, stayed_reasons.basis) as basis,
        coalesce(lost_reasons.reason_kind, stayed_reasons.reason_kind) as reason_kind,
        coalesce(lost_reasons.reason, stayed_reasons.reason) as reason,
        coalesce(lost_reasons.lost_count, 0) as lost_count,
        case
            when coalesce(lost_reasons.reason_kind, '') <> 'declared'
                then coalesce(stayed_reasons.stayed_count, 0)
        end as stayed_count
    from lost_reasons
    full outer join stayed_reasons
        on
            lost_reasons.period_grain = stayed_reasons.period_grain
            and lost_reasons.period_start = stayed_reasons.period_start
            and lost_reasons.basis = stayed_reasons.basis
            and lost_reasons.reason_kind = stayed_reasons.reason_kind
            and lost_reasons.reason = stayed_reasons.reason

),

kinds as (

    select 'last_ticket' as reason_kind
    union all
    select 'last_score' as reason_kind
    union all
    select 'delivery' as reason_kind

),

reasons as (

    select *
    from told
    union all
    -- of whom nothing is known
    select
        lost_totals.period_grain,
        lost_totals.period_start,
        lost_totals.basis,
        kinds.reason_kind,
        'none' as reason,
        max(lost_totals.lost_count) - coalesce(sum(told.lost_count), 0) as lost_count,
        max(at_start.stayed_count) - coalesce(sum(told.stayed_count), 0) as stayed_count
    from lost_totals
    cross join kinds
    inner join at_start
        on
            lost_totals.period_grain = at_start.period_grain
            and lost_totals.period_start = at_start.period_start
            and lost_totals.basis = at_start.basis
    left join told
        on
            lost_totals.period_grain = told.period_grain
            and lost_totals.period_start = told.period_start
            and lost_totals.basis = told.basis
            and kinds.reason_kind = told.reason_kind
    group by
        lost_totals.period_grain, lost_totals.period_start, lost_totals.basis, kinds.reason_kind

)

select
    -- period and segment
    reasons.period_grain,
    reasons.period_start,
    'all' as segment_type,
    'all' as segment,
    reasons.basis,

    -- reason
    reasons.reason_kind,
    reasons.reason,

    -- counts
    cast(reasons.lost_count as bigint) as lost_count,
    cast(reasons.stayed_count as bigint) as stayed_count,
    cast(lost_totals.lost_count as bigint) as lost_total,
    cast(at_start.stayed_count as bigint) as stayed_total,

    -- rates
    100 * reasons.lost_count / cast(lost_totals.lost_count as double) as lost_pct,
    100 * reasons.stayed_count / cast(nullif(at_start.stayed_count, 0) as double) as stayed_pct,
    -- lost among those with the reason over lost among all others
    (reasons.lost_count / cast(nullif(reasons.lost_count + reasons.stayed_count, 0) as double))
    / nullif(
        (lost_totals.lost_count - reasons.lost_count)
        / cast(nullif(
            at_start.customer_count - reasons.lost_count - reasons.stayed_count, 0
        ) as double),
        0
    ) as risk_ratio,

    -- properties
    {{ is_termination_provisional(
        'reasons.basis', period_end('reasons.period_grain', 'reasons.period_start')
    ) }} as is_provisional
from reasons
inner join lost_totals
    on
        reasons.period_grain = lost_totals.period_grain
        and reasons.period_start = lost_totals.period_start
        and reasons.basis = lost_totals.basis
inner join at_start
    on
        reasons.period_grain = at_start.period_grain
        and reasons.period_start = at_start.period_start
        and reasons.basis = at_start.basis
where reasons.lost_count > 0 or reasons.stayed_count > 0
