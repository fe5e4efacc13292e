{%- set inbound_excess = var("channel_inbound_excess") -%}
{%- set response_excess = var("channel_response_excess") -%}
{%- set prior = var("daypart_prior_touches") -%}

with customers as (

    select
        customer_id,
        can_email,
        can_sms
    from {{ ref('customers') }}

),

push_consents as (

    select customer_id
    from {{ ref('int_customers__consents') }}
    where purpose = 'marketing' and medium = 'push' and is_allowed

),

browsing as (

    -- who is seen browsing is compared with others who are
    select
        customer_id,
        bool_or(is_browsing) as is_seen
    from {{ ref('int_traits__touches') }}
    group by customer_id

),

counts as (

    select
        customer_id,
        channel,
        inbound_weight,
        inbound_count,
        delivered_count,
        response_count,
        response_rate
    from {{ ref('channel_by_stage') }}
    where stage = 'all'

),

channels as (

    select distinct case channel when 'push' then 'app' else channel end as channel
    from counts

),

totals as (

    select
        counts.customer_id,
        browsing.is_seen,
        sum(counts.inbound_weight) as inbound_weight,
        sum(counts.inbound_count + counts.delivered_count) as evidence_count
    from counts
    inner join browsing on counts.customer_id = browsing.customer_id
    group by counts.customer_id, browsing.is_seen

),

inbound as (

    select
        totals.customer_id,
        totals.is_seen,
        channels.channel,
        -- more than this many visits say nothing more
        least(totals.inbound_weight, {{ var("channel_inbound_weight") }}) as visits,
        cast(
            cast(coalesce(counts.inbound_weight, 0) as double) / nullif(totals.inbound_weight, 0)
            as decimal(9, 6)
        ) as share
    from totals
    cross join channels
    left join counts
        on totals.customer_id = counts.customer_id and channels.channel = counts.channel

),

usual_shares as (

    -- no channel is impossible
    select
        is_seen,
        channel,
        (cast(sum(share) as double) + 0.5) / (count(share) + 0.5 * count(distinct channel))
            as share
    from inbound
    group by is_seen, channel

),

usual_responses as (

    select
        channel,
        cast(sum(response_count) as double) / sum(delivered_count) as rate
    from counts
    group by channel
    having sum(response_count) > 0 and sum(response_count) < sum(delivered_count)

),

responses as (

    -- how much likelier the answers are of who favours the channel than of who does not care
    select
        counts.customer_id,
        case counts.channel when 'push' then 'app' else counts.channel end as channel,
        counts.response_count * ln(
            (usual_responses.rate * (1 - {{ response_excess }}) + {{ response_excess }})
            / (usual_responses.rate * {{ var("channel_indifferent_response") }})
        ) + (counts.delivered_count - counts.response_count) * ln(
            (1 - usual_responses.rate) * (1 - {{ response_excess }})
            / (1 - usual_responses.rate * {{ var("channel_indifferent_response") }})
        ) as log_ratio
    from counts
    inner join usual_responses on counts.channel = usual_responses.channel
    where counts.delivered_count > 0

),

log_ratios as (

    select
        inbound.customer_id,
        inbound.channel,
        coalesce(
            inbound.visits * (
                inbound.share * ln(
                    1 - {{ inbound_excess }} + {{ inbound_excess }} / usual_shares.share
                )
                + (1 - inbound.share) * ln(1 - {{ inbound_excess }})
            ),
            0
        ) + coalesce(responses.log_ratio, 0) as log_ratio
    from inbound
    inner join usual_shares
        on inbound.is_seen = usual_shares.is_seen and inbound.channel = usual_shares.channel
    left join responses
        on inbound.customer_id = responses.customer_id and inbound.channel = responses.channel

),

likelihoods as (

    -- against one another, and against having no favourite at all
    select
        customer_id,
        channel,
        cast(
            exp(log_ratio - max(greatest(log_ratio, 0)) over (partition by customer_id))
            as decimal(18, 12)
        ) as likelihood,
        cast(
            exp(-max(greatest(log_ratio, 0)) over (partition by customer_id))
            as decimal(18, 12)
        ) as none_likelihood
    from log_ratios

),

chances as (

    select
        customer_id,
        channel,
        cast(likelihood as double)
        / (sum(likelihood) over (partition by customer_id) + none_likelihood) as chance,
        cast(none_likelihood as double)
        / (sum(likelihood) over (partition by customer_id) + none_likelihood) as none_chance,
        row_number() over (partition by customer_id order by likelihood desc, channel asc) as place
    from likelihoods

),

favourites as (

    select
        customer_id,
        max(case when place = 1 then channel end) as first_channel,
        max(case when place = 2 then channel end) as second_channel,
        max(case when place = 1 then chance end) as chance,
        max(case when place = 1 then chance end)
        - greatest(max(none_chance), coalesce(max(case when place = 2 then chance end), 0))
            as margin
    from chances
    group by customer_id

),

supports as (

    select
        customer_id,
        case channel when 'push' then 'app' else channel end as channel,
        sum(inbound_count + response_count) as touch_count
    from counts
    group by customer_id, case channel when 'push' then 'app' else channel end

),

main_channels as (

    select
        customer_id,
        channel as inbound_channel
    from counts
    where inbound_weight > 0
    qualify
        row_number() over (partition by customer_id order by inbound_weight desc, channel asc) = 1

),

observed as (

    -- what was done once is no favour
    select
        favourites.customer_id,
        case
            when totals.evidence_count < {{ var("channel_min_evidence") }} then 'unknown'
            when
                favourites.margin < {{ var("channel_margin") }}
                or supports.touch_count < {{ var("channel_min_touches") }}
                then 'multi'
            else favourites.first_channel
        end as channel,
        favourites.second_channel,
        favourites.chance,
        favourites.margin,
        totals.evidence_count
    from favourites
    inner join totals on favourites.customer_id = totals.customer_id
    left join supports
        on
            favourites.customer_id = supports.customer_id
            and favourites.first_channel = supports.channel

),

reachable as (

    select
        customers.customer_id,
        'email' as channel
    from customers
    where customers.can_email
    union all
    select
        customers.customer_id,
        'sms' as channel
    from customers
    where customers.can_sms
    union all
    -- consent to notifications is of use to who has the app
    select distinct
        push_consents.customer_id,
        'push' as channel
    from push_consents
    inner join counts
        on push_consents.customer_id = counts.customer_id and counts.channel in ('app', 'push')

),

answering as (

    -- of several the one whose messages are answered most; one never tried as others answer it
    select
        reachable.customer_id,
        reachable.channel,
        row_number() over (
            partition by reachable.customer_id
            order by
                coalesce(counts.response_rate, usual_responses.rate, 0) desc, reachable.channel asc
        ) as place,
        coalesce(
            case observed.channel when 'app' then 'push' else observed.channel end
            = reachable.channel,
            false
        ) as is_favourite,
        cast(coalesce(counts.response_rate, usual_responses.rate) as decimal(9, 6))
            as response_rate
    from reachable
    left join counts
        on reachable.customer_id = counts.customer_id and reachable.channel = counts.channel
    left join usual_responses on reachable.channel = usual_responses.channel
    left join observed on reachable.customer_id = observed.customer_id

),

addressed as (

    select
        customer_id,
        max(case when place = 1 then channel end) as reachable_channel,
        max(case when place = 1 then response_rate end) as response_rate,
        max(case when is_favourite then channel end) as favourite_channel
    from answering
    group by customer_id

),

dayparts as (

    select
        customer_id,
        daypart,
        cast(count(*) as bigint) as touch_count
    from {{ ref('int_traits__touches') }}
    where daypart is not null
    group by customer_id, daypart

),

daypart_totals as (

    select
        customer_id,
        sum(touch_count) as touch_count
    from dayparts
    group by customer_id

),

usual_dayparts as (

    select
        daypart,
        cast(sum(touch_count) as double) / sum(sum(touch_count)) over () as share
    from dayparts
    group by daypart

),

daypart_lifts as (

    select
        dayparts.customer_id,
        dayparts.daypart,
        (dayparts.touch_count / usual_dayparts.share + {{ prior }})
        / (daypart_totals.touch_count + {{ prior }}) as lift
    from dayparts
    inner join daypart_totals on dayparts.customer_id = daypart_totals.customer_id
    inner join usual_dayparts on dayparts.daypart = usual_dayparts.daypart
    where daypart_totals.touch_count >= {{ var("daypart_min_touches") }}

),

preferred_dayparts as (

    select
        customer_id,
        daypart
    from daypart_lifts
    where lift >= {{ var("daypart_min_lift") }}
    qualify row_number() over (partition by customer_id order by lift desc, daypart asc) = 1

)

select
    -- ids
    customers.customer_id,

    -- properties
    coalesce(observed.channel, 'unknown') as observed_channel,
    addressed.reachable_channel,
    coalesce(
        addressed.favourite_channel,
        addressed.reachable_channel,
        -- to greet who comes by needs no address
        case when observed.channel in ('app', 'web', 'store') then observed.channel end
    ) as recommended_channel,
    case when observed.channel <> 'unknown' then observed.second_channel end as second_channel,
    main_channels.inbound_channel,
    preferred_dayparts.daypart as preferred_daypart,

    -- measures
    cast(case when observed.channel <> 'unknown' then observed.margin end as decimal(9, 3))
        as margin,
    cast(case when observed.channel <> 'unknown' then observed.chance end as decimal(9, 3))
        as confidence,
    addressed.response_rate as reachable_response_rate,
    cast(coalesce(observed.evidence_count, 0) as bigint) as evidence_count
from customers
left join observed on customers.customer_id = observed.customer_id
left join addressed on customers.customer_id = addressed.customer_id
left join main_channels on customers.customer_id = main_channels.customer_id
left join preferred_dayparts on customers.customer_id = preferred_dayparts.customer_id
