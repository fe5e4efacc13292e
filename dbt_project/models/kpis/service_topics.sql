with recursive tickets as (

    select
        ticket_id,
        customer_id,
        coalesce(customer_id, ticket_id) as person,
        order_id,
        topic,
        created_at,
        created_date
    from {{ ref('int_kpis__tickets') }}

),

orders as (

    select
        source_record_id as order_id,
        purchase_date
    from {{ ref('purchases') }}
    where source = 'shop.orders'

),

refunds as (

    select
        order_id,
        sum(refunded_amount) as refunded_amount
    from {{ ref('stg_shop__returns') }}
    where returned_at < {{ as_of_end() }}
    group by order_id

),

scores as (

    select
        topic,
        answered_date,
        score_100
    from {{ ref('int_kpis__answers') }}
    where survey = 'csat' and is_counted and touchpoint = 'ticket'

),

losses as (

    select
        customer_id,
        lost_on
    from {{ ref('int_kpis__spells') }}
    where lost_on is not null

),

categories as (

    {{ main_category_of_orders('tickets') }}

),

topics as (

    select topic
    from tickets
    union
    select 'delivery_late' as topic
    union
    select 'unavailable_product' as topic

),

days as (

    select min(created_date) as day_date
    from tickets
    having min(created_date) is not null
    union all
    select cast(day_date + interval '1' day as date) as day_date
    from days
    where day_date < {{ as_of() }}

),

grains as (

    {{ period_grains(['week', 'month']) }}

),

periods as (

    select distinct
        grains.period_grain,
        {{ period_start('grains.period_grain', 'days.day_date') }} as period_start,
        {{ period_end(
            'grains.period_grain', period_start('grains.period_grain', 'days.day_date')
        ) }} as period_end
    from days
    cross join grains

),

order_counts as (

    select
        periods.period_grain,
        periods.period_start,
        count(*) as order_count
    from orders
    inner join periods
        on
            orders.purchase_date >= periods.period_start
            and orders.purchase_date < periods.period_end
    group by periods.period_grain, periods.period_start

),

followed as (

    select
        *,
        lag(created_at) over (partition by person, topic order by created_at, ticket_id)
            as previous_at
    from tickets

),

dated as (

    select
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        followed.*,
        coalesce(
            {{ days_between('followed.previous_at', 'followed.created_at') }}
            <= {{ var('service_repeat_days') }},
            false
        ) as is_repeat
    from followed
    inner join periods
        on
            followed.created_date >= periods.period_start
            and followed.created_date < periods.period_end

),

ticket_counts as (

    select
        period_grain,
        period_start,
        topic,
        count(*) as ticket_count,
        count(distinct person) as person_count,
        count_if(is_repeat) as repeat_count
    from dated
    group by period_grain, period_start, topic

),

refund_sums as (

    select
        named.period_grain,
        named.period_start,
        named.topic,
        sum(refunds.refunded_amount) as refund_amount
    from (
        select distinct
            period_grain,
            period_start,
            topic,
            order_id
        from dated
        where order_id is not null
    ) as named
    inner join refunds on named.order_id = refunds.order_id
    group by named.period_grain, named.period_start, named.topic

),

main_categories as (

    select
        dated.period_grain,
        dated.period_start,
        dated.topic,
        categories.category,
        count(*) as category_count
    from dated
    inner join categories on dated.order_id = categories.order_id
    group by dated.period_grain, dated.period_start, dated.topic, categories.category
    qualify
        row_number() over (
            partition by dated.period_grain, dated.period_start, dated.topic
            order by count(*) desc, categories.category asc
        ) = 1

),

score_sums as (

    select
        periods.period_grain,
        periods.period_start,
        scores.topic,
        count(*) as score_count,
        sum(scores.score_100) as score_sum
    from scores
    inner join periods
        on
            scores.answered_date >= periods.period_start
            and scores.answered_date < periods.period_end
    group by periods.period_grain, periods.period_start, scores.topic

),

fates as (

    -- who wrote, and whether lost soon after; only where that much time has passed since
    select
        dated.period_grain,
        dated.period_start,
        dated.topic,
        dated.customer_id,
        bool_or(losses.customer_id is not null) as is_lost
    from dated
    left join losses
        on
            dated.customer_id = losses.customer_id
            and dated.created_date <= losses.lost_on
            and {{ days_between('dated.created_date', 'losses.lost_on') }}
            <= {{ var('termination_lookback_days') }}
    where
        dated.customer_id is not null
        and {{ days_between('dated.period_end', as_of()) }}
        >= {{ var('termination_lookback_days') }}
    group by dated.period_grain, dated.period_start, dated.topic, dated.customer_id

),

fate_sums as (

    select
        period_grain,
        period_start,
        topic,
        count(*) as followed_count,
        count_if(is_lost) as lost_count
    from fates
    group by period_grain, period_start, topic

),

cells as (

    select
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        topics.topic,
        coalesce(order_counts.order_count, 0) as order_count,
        coalesce(ticket_counts.ticket_count, 0) as ticket_count,
        coalesce(ticket_counts.person_count, 0) as person_count,
        coalesce(ticket_counts.repeat_count, 0) as repeat_count,
        coalesce(refund_sums.refund_amount, 0) as refund_amount,
        main_categories.category as main_category,
        main_categories.category_count,
        coalesce(score_sums.score_count, 0) as score_count,
        coalesce(score_sums.score_sum, 0) as score_sum,
        coalesce(fate_sums.followed_count, 0) as followed_count,
        coalesce(fate_sums.lost_count, 0) as lost_count
    from periods
    cross join topics
    left join order_counts
        on
            periods.period_grain = order_counts.period_grain
            and periods.period_start = order_counts.period_start
    left join ticket_counts
        on
            periods.period_grain = ticket_counts.period_grain
            and periods.period_start = ticket_counts.period_start
            and topics.topic = ticket_counts.topic
    left join refund_sums
        on
            periods.period_grain = refund_sums.period_grain
            and periods.period_start = refund_sums.period_start
            and topics.topic = refund_sums.topic
    left join main_categories
        on
            periods.period_grain = main_categories.period_grain
            and periods.period_start = main_categories.period_start
            and topics.topic = main_categories.topic
    left join score_sums
        on
            periods.period_grain = score_sums.period_grain
            and periods.period_start = score_sums.period_start
            and topics.topic = score_sums.topic
    left join fate_sums
        on
            periods.period_grain = fate_sums.period_grain
            and periods.period_start = fate_sums.period_start
            and topics.topic = fate_sums.topic

),

compared as (

    select
        *,
        sum(ticket_count) over earlier as earlier_ticket_count,
        sum(order_count) over earlier as earlier_order_count,
        min(period_start) over earlier as earliest_period_start,
        sum(score_count) over everybody as all_score_count,
        sum(score_sum) over everybody as all_score_sum,
        sum(followed_count) over everybody as all_followed_count,
        sum(lost_count) over everybody as all_lost_count
    from cells
    window
        earlier as (
            partition by period_grain, topic order by period_start
            rows between {{ var('service_baseline_periods') }} preceding and 1 preceding
        ),
        everybody as (partition by period_grain, period_start)

),

expected as (

    -- half a ticket more in the baseline: a topic that never came is not impossible
    select
        *,
        case
            when
                {{ days_between('earliest_period_start', 'period_start') }}
                >= {{ var('service_baseline_minimum_days') }}
                then (earlier_ticket_count + 0.5e0) / nullif(earlier_order_count, 0)
        end as baseline_rate
    from compared

),

tested as (

    select
        *,
        {{ poisson_upper_tail('ticket_count', '(baseline_rate * order_count)') }} as p_value
    from expected

),

ranked as (

    select
        *,
        {{ q_value_ratio('p_value', 'period_grain, period_start') }} as q_ratio
    from tested

),

judged as (

    select
        *,
        {{ q_value('q_ratio', 'p_value', 'period_grain, period_start') }} as q_value
    from ranked

)

select
    -- period, segment and topic
    period_grain,
    period_start,
    'all' as segment_type,
    'all' as segment,
    topic,

    -- counts
    cast(ticket_count as bigint) as ticket_count,
    cast(person_count as bigint) as person_count,
    cast(repeat_count as bigint) as repeat_count,
    cast(order_count as bigint) as order_count,

    -- rates
    1000e0 * ticket_count / nullif(order_count, 0) as per_1000_orders,
    1000 * baseline_rate as baseline,
    ticket_count / nullif(baseline_rate * order_count, 0) as ratio,

    -- test
    p_value,
    q_value,
    coalesce(
        q_value < {{ var('service_rising_below_q') }}
        and ticket_count >= {{ var('service_rising_min_tickets') }}
        and person_count >= {{ var('service_rising_min_people') }},
        false
    ) as is_rising,

    -- what it leads to
    cast(score_sum as double) / nullif(score_count, 0) as csat_mean,
    cast(score_sum as double) / nullif(score_count, 0)
    - cast(all_score_sum - score_sum as double) / nullif(all_score_count - score_count, 0)
        as csat_gap,
    cast(score_count as bigint) as csat_count,
    cast(refund_amount as decimal(18, 2)) as refund_amount,
    cast(followed_count as bigint) as followed_count,
    100e0 * lost_count / nullif(followed_count, 0) as lost_pct,
    100e0 * lost_count / nullif(followed_count, 0)
    - 100e0 * (all_lost_count - lost_count) / nullif(all_followed_count - followed_count, 0)
        as lost_gap,

    -- what it is about
    main_category,
    100e0 * category_count / nullif(ticket_count, 0) as main_category_pct,

    -- properties
    period_end > cast({{ as_of() }} + interval '1' day as date) as is_provisional
from judged
