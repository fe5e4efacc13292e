with customers as (

    select customer_id
    from {{ ref('customers') }}

),

outcomes as (

    select
        campaign_id,
        customer_id,
        offer_kind,
        arm,
        is_exposed,
        is_messaged,
        is_clicked,
        redemption_count,
        assigned_at,
        window_end
    from {{ ref('int_traits__offer_outcomes') }}

),

reactions as (

    select
        customer_id,
        count_if(is_exposed) as exposed_count,
        count_if(is_messaged) as messaged_count,
        count_if(is_clicked) as clicked_count,
        sum(redemption_count) as redeemed_count,
        count_if(is_exposed and redemption_count > 0) as redeemed_campaign_count,
        sum(case when not is_exposed then redemption_count else 0 end) as leaked_count,
        sum(case when offer_kind = 'points' then redemption_count else 0 end)
            as points_redeemed_count
    from outcomes
    group by customer_id

),

kinds as (

    select
        customer_id,
        offer_kind,
        count(*) as exposed_count,
        count_if(redemption_count > 0) as redeemed_count
    from outcomes
    where is_exposed and offer_kind is not null
    group by customer_id, offer_kind

),

kind_rates as (

    select
        offer_kind,
        cast(sum(redeemed_count) as double) / sum(exposed_count) as rate
    from kinds
    group by offer_kind

),

best_kinds as (

    -- of kinds once used, the one used most often for each time it was offered
    select
        kinds.customer_id,
        kinds.offer_kind
    from kinds
    inner join kind_rates on kinds.offer_kind = kind_rates.offer_kind
    where kinds.redeemed_count > 0
    qualify
        row_number() over (
            partition by kinds.customer_id
            order by
                (kinds.redeemed_count + {{ var('offer_prior_weight') }} * kind_rates.rate)
                / (kinds.exposed_count + {{ var('offer_prior_weight') }}) desc,
                kinds.offer_kind
        ) = 1

),

purchases as (

    select
        purchase_id,
        customer_id,
        purchased_at,
        purchase_date,
        is_promoted,
        source
    from {{ ref('purchases') }}
    where customer_id is not null

),

picked_campaigns as (

    select campaign_id
    from {{ ref('stg_offers__assignments') }}
    group by campaign_id

),

public_campaigns as (

    -- what nobody was picked for was there for everybody
    select
        campaigns.starts_on,
        campaigns.ends_on
    from {{ ref('stg_offers__campaigns') }} as campaigns
    left join picked_campaigns on campaigns.campaign_id = picked_campaigns.campaign_id
    where picked_campaigns.campaign_id is null

),

dates as (

    select purchase_date
    from purchases
    group by purchase_date

),

public_days as (

    select dates.purchase_date
    from dates
    inner join public_campaigns
        on dates.purchase_date between public_campaigns.starts_on and public_campaigns.ends_on
    group by dates.purchase_date

),

offered_privately as (

    select purchases.purchase_id
    from purchases
    inner join outcomes
        on
            purchases.customer_id = outcomes.customer_id
            and purchases.purchased_at >= outcomes.assigned_at
            and purchases.purchased_at < outcomes.window_end
            and outcomes.is_exposed
    group by purchases.purchase_id

),

offered as (

    select
        purchases.customer_id,
        purchases.source,
        purchases.is_promoted,
        public_days.purchase_date is not null as is_on_public_day,
        public_days.purchase_date is not null or offered_privately.purchase_id is not null
            as is_offered
    from purchases
    left join public_days on purchases.purchase_date = public_days.purchase_date
    left join offered_privately on purchases.purchase_id = offered_privately.purchase_id

),

usual as (

    -- tills with prices for card holders discount nearly every basket, a web shop few
    select
        source,
        cast(count_if(is_promoted) as double) / count(*) as discounted_share
    from offered
    where is_offered
    group by source

),

habits as (

    select
        offered.customer_id,
        count(*) as purchase_count,
        count_if(offered.is_on_public_day) as public_day_count,
        count_if(offered.is_offered) as offered_purchase_count,
        count_if(offered.is_offered and offered.is_promoted) as discounted_purchase_count,
        sum(case when offered.is_offered then cast(usual.discounted_share as decimal(18, 9)) end)
            as usually_discounted_count
    from offered
    left join usual on offered.source = usual.source
    group by offered.customer_id

),

calendar as (

    select
        cast(count(public_days.purchase_date) as double)
        / nullif(count(dates.purchase_date), 0) as public_day_share
    from dates
    left join public_days on dates.purchase_date = public_days.purchase_date

),

described as (

    select
        customers.customer_id,
        coalesce(reactions.exposed_count, 0) as exposed_count,
        coalesce(reactions.messaged_count, 0) as messaged_count,
        coalesce(reactions.clicked_count, 0) as clicked_count,
        coalesce(reactions.redeemed_count, 0) as redeemed_count,
        coalesce(reactions.redeemed_campaign_count, 0) as redeemed_campaign_count,
        coalesce(reactions.leaked_count, 0) as leaked_count,
        coalesce(reactions.points_redeemed_count, 0) as points_redeemed_count,
        coalesce(habits.offered_purchase_count, 0) as offered_purchase_count,
        coalesce(habits.discounted_purchase_count, 0) as discounted_purchase_count,
        case
            when habits.offered_purchase_count > 0
                then
                    (
                        habits.discounted_purchase_count
                        + {{ var('discount_prior_weight') }}
                        * cast(habits.usually_discounted_count as double)
                        / habits.offered_purchase_count
                    )
                    / (habits.offered_purchase_count + {{ var('discount_prior_weight') }})
        end as discount_sensitivity,
        cast(habits.public_day_count as double) / nullif(habits.purchase_count, 0)
        / nullif(calendar.public_day_share, 0) as promotion_day_index,
        best_kinds.offer_kind as best_offer_kind
    from customers
    cross join calendar
    left join reactions on customers.customer_id = reactions.customer_id
    left join habits on customers.customer_id = habits.customer_id
    left join best_kinds on customers.customer_id = best_kinds.customer_id

)

select
    -- ids
    customer_id,

    -- properties
    case
        when offered_purchase_count < {{ var('discount_min_purchases') }} then 'unknown'
        when discount_sensitivity < {{ var('discount_full_price_below') }} then 'full_price'
        when discount_sensitivity >= {{ var('discount_deal_only_from') }} then 'deal_only'
        else 'opportunist'
    end as sensitivity_class,
    best_offer_kind,

    -- measures
    cast(exposed_count as bigint) as exposed_count,
    cast(messaged_count as bigint) as messaged_count,
    cast(clicked_count as bigint) as clicked_count,
    cast(redeemed_count as bigint) as redeemed_count,
    cast(redeemed_campaign_count as bigint) as redeemed_campaign_count,
    cast(leaked_count as bigint) as leaked_count,
    cast(points_redeemed_count as bigint) as points_redeemed_count,
    cast(redeemed_campaign_count as double) / nullif(exposed_count, 0) as redemption_rate,
    {{ wilson_bound_pct('redeemed_campaign_count', 'exposed_count', 'low') }} / 100
        as redemption_rate_low,
    {{ wilson_bound_pct('redeemed_campaign_count', 'exposed_count', 'high') }} / 100
        as redemption_rate_high,
    cast(offered_purchase_count as bigint) as offered_purchase_count,
    cast(discounted_purchase_count as bigint) as discounted_purchase_count,
    discount_sensitivity,
    promotion_day_index
from described
