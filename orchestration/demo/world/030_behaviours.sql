-- What each person is like: the planted truth that the traits should find. One row per person.
-- For every effect there are people with none: null means that nothing was planted.
--
-- behaviours(person_id, is_online, has_app, is_member, is_subscriber, tier, activity,
--            favourite_channel, favourite_daypart, store_share, rhythm, period_days,
--            does_stock_up, sensitivity, discount_share, loves_black_friday, loves_christmas,
--            favourite_category, left_on)
-- activity: how much this person browses, 1 on average. store_share: share of purchases in stores.
-- rhythm and what hangs on it are null for people whose purchases in stores are real.
-- discount_share: probability that a purchase made while something is on offer is a discounted one.
-- left_on: from this day on the person does nothing any more.

create table behaviours as
with drawn as (

    select
        person_id,
        household_id,
        adult_no,
        is_real,
        draw(person_id, 'channel') as channel_draw,
        draw(person_id, 'rhythm') as rhythm_draw,
        draw(person_id, 'sensitivity') as sensitivity_draw
    from people

),

chosen as (

    select
        *,
        case
            when channel_draw < 0.14 then 'email'
            when channel_draw < 0.20 then 'sms'
            when channel_draw < 0.34 then 'app'
            when channel_draw < 0.48 then 'web'
            when channel_draw < 0.54 then 'social'
            when channel_draw < 0.64 then 'store'
        end as favourite_channel,
        case
            when is_real then null
            when rhythm_draw < 0.35 then 'regular'
            when rhythm_draw < 0.60 then 'random'
            when rhythm_draw < 0.75 then 'bursty'
        end as rhythm,
        case
            when sensitivity_draw < 0.2 then 'full_price'
            when sensitivity_draw < 0.45 then 'opportunist'
            when sensitivity_draw < 0.6 then 'deal_only'
        end as sensitivity
    from drawn

)

select
    person_id,
    -- half of the population; who has a favourite online channel is online
    favourite_channel in ('email', 'app', 'web', 'social') or draw(person_id, 'online') < 0.75 as is_online,
    favourite_channel = 'app' or (draw(person_id, 'app') < 0.3 and favourite_channel is distinct from 'store') as has_app,
    -- the card of a real household belongs to its first adult
    if(is_real, adult_no = 1, draw(person_id, 'member') < 0.55) as is_member,
    favourite_channel in ('email', 'sms') or draw(person_id, 'subscriber') < 0.42 as is_subscriber,
    case
        when draw(person_id, 'tier') < 0.2 then 'gold'
        when draw(person_id, 'tier') < 0.5 then 'silver'
        else 'bronze'
    end as tier,
    -- most browse little, a few a lot
    least(exp(0.7 * normal(person_id, 'activity') - 0.245), 5.0) as activity,
    favourite_channel,
    case pick(person_id, 'daypart', 10)
        when 0 then 'night'
        when 1 then 'morning'
        when 2 then 'morning'
        when 3 then 'afternoon'
        when 4 then 'evening'
        when 5 then 'evening'
    end as favourite_daypart,
    case favourite_channel
        when 'store' then 0.92
        when 'email' then 0.3
        when 'app' then 0.12
        when 'web' then 0.12
        when 'social' then 0.3
        else 0.55
    end as store_share,
    rhythm,
    -- days between two purchases; those without a rhythm buy once or twice a year
    case
        when is_real then null
        when rhythm is null then 150 + 150 * draw(person_id, 'period')
        else greatest(10.0, least(75.0, exp(3.35 + 0.45 * normal(person_id, 'period'))))
    end as period_days,
    coalesce(rhythm = 'regular' and draw(person_id, 'stock up') < 0.3, false) as does_stock_up,
    sensitivity,
    case sensitivity
        when 'full_price' then 0.04
        when 'opportunist' then 0.45
        when 'deal_only' then 0.92
        else 0.2
    end as discount_share,
    draw(person_id, 'black friday') < 0.15 as loves_black_friday,
    draw(person_id, 'christmas') < 0.25 as loves_christmas,
    case when draw(person_id, 'category') < 0.5
        then one_of(person_id, 'which category', categories())
    end as favourite_category,
    case
        when not is_real and rhythm in ('regular', 'random') and draw(person_id, 'leaves') < 0.14
            then first_day() + cast(day_count() * (0.3 + 0.5 * draw(person_id, 'leaves when')) as integer)
    end as left_on
from chosen;
