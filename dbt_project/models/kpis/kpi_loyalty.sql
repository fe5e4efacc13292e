with cards as (

    select
        records.customer_id,
        members.member_id,
        members.tier,
        members.updated_at,
        {{ reporting_date('coalesce(members.joined_at, members.updated_at)') }} as joined_date
    from {{ ref('stg_loyalty__members') }} as members
    inner join {{ ref('customer_records') }} as records
        on
            records.source = 'loyalty.members'
            and members.member_id = records.source_record_id
            and records.valid_to is null

),

members as (

    -- who has several cards is one member, since the first; the card written last says the tier
    select
        customer_id,
        member_id,
        tier,
        min(joined_date) over (partition by customer_id) as joined_date
    from cards
    where joined_date <= {{ as_of() }}
    qualify
        row_number() over (
            partition by customer_id order by updated_at desc nulls last, member_id asc
        ) = 1

),

tier_changes as (

    select
        member_id,
        tier_before,
        tier,
        changed_at,
        {{ reporting_date('changed_at') }} as changed_date,
        row_number() over (partition by member_id order by changed_at) as change_number
    from {{ ref('stg_loyalty__tier_changes') }}

),

tiers_since as (

    select
        members.customer_id,
        coalesce(tier_changes.tier_before, members.tier, 'unknown') as tier,
        members.joined_date as since,
        0 as change_number
    from members
    left join tier_changes
        on members.member_id = tier_changes.member_id and tier_changes.change_number = 1
    union all
    select
        members.customer_id,
        tier_changes.tier,
        tier_changes.changed_date as since,
        tier_changes.change_number
    from members
    inner join tier_changes on members.member_id = tier_changes.member_id

),

tier_spans as (

    select
        customer_id,
        tier,
        since,
        lead(since) over (partition by customer_id order by change_number) as until
    from tiers_since

),

months as (

    select
        period_start,
        period_end,
        least(period_end, cast({{ as_of() }} + interval '1' day as date)) as seen_until,
        is_provisional
    from {{ ref('int_kpis__months') }}

),

purchases as (

    select
        customer_id,
        purchase_date,
        cast(date_trunc('month', purchase_date) as date) as period_start,
        net_amount
    from {{ ref('purchases') }}

),

month_totals as (

    select
        period_start,
        count(*) as purchase_count,
        sum(net_amount) as net_amount
    from purchases
    group by period_start

),

bought as (

    -- by members, since they are
    select
        purchases.customer_id,
        purchases.period_start,
        count(*) as purchase_count,
        sum(purchases.net_amount) as net_amount,
        max(case when purchases.net_amount > 0 then purchases.purchase_date end)
            as last_purchase_date
    from purchases
    inner join members
        on
            purchases.customer_id = members.customer_id
            and purchases.purchase_date >= members.joined_date
    group by purchases.customer_id, purchases.period_start

),

offers as (

    -- received; in the month of their last second, when no more is to come
    select
        customer_id,
        period_start,
        count(*) as offer_count,
        count_if(redemption_count > 0) as redeemed_count
    from (
        select
            customer_id,
            redemption_count,
            cast(
                date_trunc('month', {{ reporting_date(seconds_later('window_end', -1)) }}) as date
            ) as period_start
        from {{ ref('int_traits__offer_outcomes') }}
        where is_exposed and not is_running
    ) as ended
    group by customer_id, period_start

),

member_months as (

    select
        months.period_start,
        months.seen_until,
        members.customer_id,
        members.joined_date >= months.period_start as is_joined,
        {{ days_between('members.joined_date', 'months.seen_until') }} - 1 as tenure_days,
        tier_spans.tier,
        lag(tier_spans.tier) over (
            partition by members.customer_id order by months.period_start
        ) as tier_before,
        bought.purchase_count,
        bought.net_amount,
        bought.last_purchase_date is not null as is_active,
        max(bought.last_purchase_date) over (
            partition by members.customer_id order by months.period_start
            rows between unbounded preceding and current row
        ) as last_purchase_date,
        offers.offer_count,
        offers.redeemed_count
    from months
    inner join members on months.seen_until > members.joined_date
    inner join tier_spans
        on
            members.customer_id = tier_spans.customer_id
            and months.seen_until > tier_spans.since
            and coalesce(months.seen_until <= tier_spans.until, true)
    left join bought
        on
            members.customer_id = bought.customer_id
            and months.period_start = bought.period_start
    left join offers
        on
            members.customer_id = offers.customer_id
            and months.period_start = offers.period_start

),

member_rows as (

    select
        period_start,
        customer_id,
        tier,
        true as is_member,
        is_joined,
        tier <> tier_before as is_entered,
        false as is_exited,
        tenure_days,
        purchase_count,
        net_amount,
        is_active,
        {{ days_between('last_purchase_date', 'seen_until') }} - 1 as days_since_purchase,
        offer_count,
        redeemed_count
    from member_months
    union all
    -- who left a tier is told in that tier too
    select
        period_start,
        customer_id,
        tier_before as tier,
        false as is_member,
        false as is_joined,
        false as is_entered,
        true as is_exited,
        null as tenure_days,
        null as purchase_count,
        null as net_amount,
        false as is_active,
        null as days_since_purchase,
        null as offer_count,
        null as redeemed_count
    from member_months
    where tier <> tier_before

),

cuts as (

    {{ cuts_by('member_rows', ['tier']) }}

),

cells as (

    select
        period_start,
        segment_type,
        segment,
        count(distinct customer_id) as people_count
    from cuts
    group by period_start, segment_type, segment

),

named as (

    select
        *,
        {{ segment_without_small_cells('people_count', 'period_start', ['tier']) }}
            as published_segment
    from cells

),

totals as (

    select
        cuts.period_start,
        cuts.segment_type,
        named.published_segment as segment,
        count_if(cuts.is_member) as member_count,
        count_if(cuts.is_joined) as joined_count,
        count_if(coalesce(cuts.is_entered, false)) as entered_count,
        count_if(cuts.is_exited) as exited_count,
        count_if(cuts.is_active) as active_member_count,
        coalesce(sum(cuts.purchase_count), 0) as member_purchase_count,
        coalesce(sum(cuts.net_amount), 0) as member_net_amount,
        sum(cuts.tenure_days) as tenure_days,
        count(cuts.days_since_purchase) as bought_count,
        percentile_cont(0.5) within group (order by cuts.days_since_purchase)
            as days_since_purchase_p50,
        coalesce(sum(cuts.offer_count), 0) as offer_count,
        coalesce(sum(cuts.redeemed_count), 0) as redeemed_count
    from cuts
    inner join named
        on
            cuts.period_start = named.period_start
            and cuts.segment_type = named.segment_type
            and cuts.segment = named.segment
    group by cuts.period_start, cuts.segment_type, named.published_segment

)

select
    -- period and segment
    'month' as period_grain,
    totals.period_start,
    totals.segment_type,
    totals.segment,

    -- members
    cast(
        totals.member_count - totals.joined_count - totals.entered_count + totals.exited_count
        as bigint
    ) as member_count_before,
    cast(totals.joined_count as bigint) as joined_count,
    cast(totals.entered_count as bigint) as entered_count,
    cast(totals.exited_count as bigint) as exited_count,
    cast(totals.member_count as bigint) as member_count,
    cast(totals.tenure_days as double) / nullif(totals.member_count, 0) as tenure_days_mean,

    -- activity
    cast(totals.active_member_count as bigint) as active_member_count,
    100 * totals.active_member_count / cast(nullif(totals.member_count, 0) as double)
        as active_member_pct,
    {{ wilson_bound_pct('totals.active_member_count', 'totals.member_count', 'low') }}
        as active_member_low,
    {{ wilson_bound_pct('totals.active_member_count', 'totals.member_count', 'high') }}
        as active_member_high,
    cast(totals.bought_count as bigint) as bought_count,
    totals.days_since_purchase_p50,

    -- share of all purchases
    cast(coalesce(month_totals.purchase_count, 0) as bigint) as purchase_count,
    cast(totals.member_purchase_count as bigint) as member_purchase_count,
    100 * totals.member_purchase_count / cast(nullif(month_totals.purchase_count, 0) as double)
        as member_purchase_pct,
    {{ wilson_bound_pct('totals.member_purchase_count', 'month_totals.purchase_count', 'low') }}
        as member_purchase_low,
    {{ wilson_bound_pct('totals.member_purchase_count', 'month_totals.purchase_count', 'high') }}
        as member_purchase_high,
    cast(totals.member_net_amount as decimal(18, 2)) as member_net_amount,
    100 * cast(totals.member_net_amount as double)
    / cast(nullif(month_totals.net_amount, 0) as double) as member_sales_pct,

    -- offers
    cast(totals.offer_count as bigint) as offer_count,
    cast(totals.redeemed_count as bigint) as redeemed_offer_count,
    100 * totals.redeemed_count / cast(nullif(totals.offer_count, 0) as double) as redemption_pct,
    {{ wilson_bound_pct('totals.redeemed_count', 'totals.offer_count', 'low') }}
        as redemption_low,
    {{ wilson_bound_pct('totals.redeemed_count', 'totals.offer_count', 'high') }}
        as redemption_high,

    -- properties
    months.is_provisional
from totals
inner join months on totals.period_start = months.period_start
left join month_totals on totals.period_start = month_totals.period_start
