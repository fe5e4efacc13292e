with campaigns as (

    select
        campaign_id,
        kind,
        {{ utc_start_of("ends_on + interval '1' day") }} as window_end,
        ends_on,
        contact_cost_amount
    from {{ ref('stg_offers__campaigns') }}
    where ends_on is not null

),

customer_records as (

    select
        customer_id,
        source,
        source_record_id
    from {{ ref('customer_records') }}
    where source in ('loyalty.members', 'shop.accounts') and valid_to is null

),

assignments as (

    select
        assignments.campaign_id,
        customer_records.customer_id,
        assignments.arm,
        assignments.method,
        assignments.assigned_at,
        customer_records.source,
        customer_records.source_record_id
    from {{ ref('stg_offers__assignments') }} as assignments
    inner join customer_records
        on
            customer_records.source_record_id = coalesce(
                assignments.member_id, assignments.account_id
            )
            and customer_records.source = case
                when assignments.member_id is not null then 'loyalty.members' else 'shop.accounts'
            end
    where assignments.assigned_at < {{ as_of_end() }} and assignments.arm is not null

),

assigned as (

    -- who was merged from several assigned records keeps the earliest assignment
    select
        assignments.campaign_id,
        assignments.customer_id,
        assignments.arm,
        assignments.assigned_at,
        campaigns.kind,
        campaigns.window_end,
        campaigns.contact_cost_amount,
        {{ days_between('assignments.assigned_at', 'campaigns.window_end') }} as window_days,
        bool_and(coalesce(assignments.method = 'random', false)) over (
            partition by assignments.campaign_id
        ) as is_random,
        min(assignments.arm) over (partition by assignments.campaign_id, assignments.customer_id)
        <> max(assignments.arm) over (
            partition by assignments.campaign_id, assignments.customer_id
        ) as is_in_both_arms
    from assignments
    inner join campaigns on assignments.campaign_id = campaigns.campaign_id
    where assignments.assigned_at < campaigns.window_end
    qualify
        row_number() over (
            partition by assignments.campaign_id, assignments.customer_id
            order by assignments.assigned_at, assignments.source, assignments.source_record_id
        ) = 1

),

purchases as (

    select
        customer_id,
        purchased_at,
        net_amount
    from {{ ref('purchases') }}
    where customer_id is not null

),

first_purchase as (

    select min(purchased_at) as recorded_from
    from purchases

),

spans as (

    select
        assigned.campaign_id,
        assigned.customer_id,
        assigned.assigned_at,
        assigned.window_end,
        {{ seconds_later('assigned.assigned_at', '-86400 * assigned.window_days') }}
            as before_start,
        {{ seconds_later('assigned.window_end', 86400 * var('offer_pull_forward_days')) }}
            as after_end
    from assigned

),

bought as (

    select
        spans.campaign_id,
        spans.customer_id,
        count_if(
            purchases.purchased_at >= spans.assigned_at
            and purchases.purchased_at < spans.window_end
        ) as purchase_count,
        count_if(purchases.purchased_at < spans.assigned_at) as before_purchase_count,
        count_if(purchases.purchased_at >= spans.window_end) as after_purchase_count,
        sum(case
            when
                purchases.purchased_at >= spans.assigned_at
                and purchases.purchased_at < spans.window_end
                then purchases.net_amount
            else 0
        end) as net_amount,
        sum(case
            when purchases.purchased_at < spans.assigned_at then purchases.net_amount else 0
        end) as before_net_amount
    from spans
    inner join purchases
        on
            spans.customer_id = purchases.customer_id
            and spans.before_start <= purchases.purchased_at
            and spans.after_end > purchases.purchased_at
    group by spans.campaign_id, spans.customer_id

),

visit_days as (

    select
        customer_id,
        event_date
    from {{ ref('int_traits__browsing_days') }}
    group by customer_id, event_date

),

visited as (

    select
        spans.campaign_id,
        spans.customer_id,
        count_if(visit_days.event_date >= {{ reporting_date('spans.assigned_at') }}) as visit_days,
        count_if(
            visit_days.event_date < {{ reporting_date('spans.assigned_at') }}
        ) as before_visit_days
    from spans
    inner join visit_days
        on
            spans.customer_id = visit_days.customer_id
            and visit_days.event_date >= {{ reporting_date('spans.before_start') }}
            and visit_days.event_date < {{ reporting_date('spans.window_end') }}
    group by spans.campaign_id, spans.customer_id

),

messages as (

    -- meant for whoever reads the address; one that two customers share names nobody
    select
        events.campaign_id,
        points.customer_id,
        bool_or(events.event_type in ('clicked', 'replied')) as is_clicked
    from {{ ref('stg_messaging__events') }} as events
    inner join {{ ref('int_customers__contact_points') }} as points
        on
            points.kind = case when events.email_match is not null then 'email' else 'phone' end
            and points.match_value = coalesce(events.email_match, events.phone_match)
    where
        events.campaign_id is not null
        and events.event_type in ('delivered', 'opened', 'clicked', 'replied')
        and events.event_at < {{ as_of_end() }}
    group by events.campaign_id, points.customer_id

),

redemptions as (

    -- a code used at a till without a card names nobody, and is left out
    select
        redemptions.campaign_id,
        customer_records.customer_id,
        count(*) as redemption_count
    from {{ ref('stg_offers__redemptions') }} as redemptions
    inner join customer_records
        on
            customer_records.source_record_id = coalesce(
                redemptions.member_id, redemptions.account_id
            )
            and customer_records.source = case
                when redemptions.member_id is not null then 'loyalty.members' else 'shop.accounts'
            end
    where redemptions.redeemed_at < {{ as_of_end() }}
    group by redemptions.campaign_id, customer_records.customer_id

),

concerned as (

    select
        coalesce(assigned.campaign_id, redemptions.campaign_id) as campaign_id,
        coalesce(assigned.customer_id, redemptions.customer_id) as customer_id,
        coalesce(redemptions.redemption_count, 0) as redemption_count
    from assigned
    full outer join redemptions
        on
            assigned.campaign_id = redemptions.campaign_id
            and assigned.customer_id = redemptions.customer_id

),

tiers as (

    select
        customer_id,
        match_value as tier
    from {{ ref('int_customers__golden_values') }}
    where attribute = 'tier'

)

select
    -- ids
    concerned.campaign_id,
    concerned.customer_id,

    -- properties
    coalesce(assigned.kind, campaigns.kind) as offer_kind,
    assigned.arm,
    coalesce(tiers.tier, 'none') as segment,
    coalesce(assigned.is_random, false) as is_random,
    coalesce(assigned.is_in_both_arms, false) as is_in_both_arms,
    messages.customer_id is not null as is_messaged,
    -- an offer by post, at the till or in the app leaves no message
    coalesce(messages.customer_id is not null or assigned.arm = 'treatment', false) as is_exposed,
    coalesce(messages.is_clicked, false) as is_clicked,
    assigned.window_end > {{ as_of_end() }} as is_running,
    {{ seconds_later('assigned.window_end', 86400 * var('offer_pull_forward_days')) }}
    <= {{ as_of_end() }} as is_aftermath_over,
    {{ seconds_later('assigned.assigned_at', '-86400 * assigned.window_days') }}
    >= first_purchase.recorded_from as is_before_recorded,

    -- timestamps
    assigned.assigned_at,
    assigned.window_end,

    -- measures
    cast(concerned.redemption_count as bigint) as redemption_count,
    cast(coalesce(bought.purchase_count, 0) as bigint) as purchase_count,
    cast(coalesce(bought.before_purchase_count, 0) as bigint) as before_purchase_count,
    cast(coalesce(bought.after_purchase_count, 0) as bigint) as after_purchase_count,
    cast(coalesce(visited.visit_days, 0) as bigint) as visit_days,
    cast(coalesce(visited.before_visit_days, 0) as bigint) as before_visit_days,
    cast(coalesce(bought.net_amount, 0) as decimal(18, 2)) as net_amount,
    cast(coalesce(bought.before_net_amount, 0) as decimal(18, 2)) as before_net_amount,
    assigned.contact_cost_amount
from concerned
cross join first_purchase
left join assigned
    on concerned.campaign_id = assigned.campaign_id and concerned.customer_id = assigned.customer_id
left join campaigns on concerned.campaign_id = campaigns.campaign_id
left join bought
    on concerned.campaign_id = bought.campaign_id and concerned.customer_id = bought.customer_id
left join visited
    on concerned.campaign_id = visited.campaign_id and concerned.customer_id = visited.customer_id
left join messages
    on concerned.campaign_id = messages.campaign_id and concerned.customer_id = messages.customer_id
left join tiers on concerned.customer_id = tiers.customer_id
