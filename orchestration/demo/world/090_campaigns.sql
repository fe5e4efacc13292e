-- The offers: campaigns, who was put into which arm of them, and what is planted in each. Besides
-- them, the shop-wide promotions, during which some goods are cheaper for everybody.
--
-- utc_offsets(time_zone, local_date, early_hours, late_hours, hours_behind): what to add to a local
--          time to get UTC, before and from three in the morning, and to get the retailer's time.
-- promotions(promotion_id, promotion_no, starts_on, ends_on): 'P01'..
-- campaigns(campaign_id, campaign_no, name, kind, mechanic, channel, category, coupon_code,
--          starts_on, ends_on, window_start, window_end, contact_cost, is_random, is_null,
--          has_effect, has_pull_forward, has_broken_randomisation, discount_rate, assigned_share,
--          gold_add, silver_add, bronze_add, none_add, stop_share, reason)
-- window: the UTC times from the assignment to the end of the last day, in which a purchase counts.
-- The windows of campaigns that change what people do (has_effect) never overlap.
-- *_add: the probability that a person of that tier who would not have bought in the window does so
--          because of the offer. stop_share: that a person who would have bought does not.
-- is_null: nobody does anything because of it. category: null when good for all products.
-- assignments(campaign_id, campaign_no, person_id, arm, assigned_at, method, segment)
-- segment: the tier of members, 'none' for others.

create table utc_offsets as
with zones as (

    select distinct time_zone
    from cities

)

select
    zones.time_zone,
    cast(days.local_date as date) as local_date,
    cast(epoch(to_utc(days.local_date, zones.time_zone) - days.local_date) / 3600 as integer) as early_hours,
    cast(
        epoch(
            to_utc(days.local_date + interval 3 hour, zones.time_zone)
            - (days.local_date + interval 3 hour)
        ) / 3600 as integer
    ) as late_hours,
    cast(
        epoch(
            to_utc(days.local_date + interval 12 hour, zones.time_zone)
            - to_utc(days.local_date + interval 12 hour, 'America/New_York')
        ) / 3600 as integer
    ) as hours_behind
from zones
cross join generate_series(
    cast(first_day() as timestamp), cast(last_day() as timestamp) + interval 60 day, interval 1 day
) as days (local_date);

-- Ten days of every fortnight.
create table promotions as
select
    printf('P%02d', number) as promotion_id,
    cast(number as integer) as promotion_no,
    first_day() + cast(14 * number - 14 as integer) as starts_on,
    first_day() + cast(14 * number - 5 as integer) as ends_on
from range(1, cast(floor((day_count() + 13) / 14) as bigint) + 1) as numbers (number);

create table campaigns as
with planned as (

    -- slot: which eighth of the period is the campaign's own; place: where it starts otherwise
    select *
    from (
        values
        (1, 'New year coupon', 'coupon', '15 % off with a code', 'email', null, 0, null, 0.14, 0.14, 0.14, 0.14, 0.0, false, false, 'random', 'works alike in all tiers'),
        (2, 'App prices', 'price', '10 % off in the app with a code', 'app', null, 1, null, 0.0, 0.15, 0.22, 0.10, 0.0, false, false, 'random', 'works in all tiers but gold'),
        (3, 'Spring gift', 'gift', 'Free gift with a purchase', 'email', null, null, 0.20, 0.0, 0.0, 0.0, 0.0, 0.0, false, false, 'random', 'no effect'),
        (4, 'Spring coupon by text', 'coupon', '20 % off with a code', 'sms', null, 2, null, 0.23, 0.23, 0.23, 0.23, 0.0, true, false, 'random', 'works, and borrows from the month after'),
        (5, 'Double points weeks', 'points', 'Double points', 'email', null, null, 0.36, 0.0, 0.0, 0.0, 0.0, 0.0, false, false, 'random', 'no effect'),
        (6, 'Points for gold and silver', 'points', 'Triple points', 'app', null, 3, null, 0.40, 0.40, 0.0, 0.0, 0.0, false, false, 'random', 'works in gold and silver only'),
        (7, 'Kitchen coupon', 'coupon', '15 % off kitchen with a code', 'email', 'kitchen', null, 0.50, 0.0, 0.0, 0.0, 0.0, 0.0, false, false, 'random', 'no effect'),
        (8, 'Summer gift', 'gift', 'Free gift with a purchase', 'email', null, 4, null, 0.13, 0.13, 0.13, 0.13, 0.0, true, false, 'random', 'works, and borrows from the month after'),
        (9, 'Daily texts', 'price', '10 % off with a code', 'sms', null, 5, null, 0.0, 0.0, 0.0, 0.0, 0.50, false, false, 'random', 'puts people off'),
        (10, 'App price weeks', 'price', '10 % off in the app with a code', 'app', null, null, 0.68, 0.0, 0.0, 0.0, 0.0, 0.0, false, false, 'random', 'no effect'),
        (11, 'Autumn coupon', 'coupon', '15 % off with a code', 'email', null, 6, null, 0.10, 0.10, 0.10, 0.10, 0.0, false, true, 'random', 'logged as random, but frequent buyers were moved to treatment'),
        (12, 'Holiday prices', 'price', '15 % off with a code', 'email', null, 7, null, 0.18, 0.18, 0.18, 0.18, 0.0, false, false, 'random', 'works a little, alike in all tiers'),
        (13, 'Thank-you coupon', 'coupon', '10 % off with a code', 'email', null, null, 0.82, 0.0, 0.0, 0.0, 0.0, 0.0, false, false, 'targeted', 'given to frequent buyers, without control group'),
        (14, 'Winter coupon by text', 'coupon', '15 % off with a code', 'sms', null, null, 0.90, 0.0, 0.0, 0.0, 0.0, 0.0, false, false, 'random', 'no effect')
    ) as plan (
        campaign_no, name, kind, mechanic, channel, category, slot, place,
        gold_add, silver_add, bronze_add, none_add, stop_share,
        has_pull_forward, has_broken_randomisation, method, reason
    )

),

timed as (

    select
        *,
        -- 10 to 21 days, and never longer than the eighth less two days
        greatest(2, least(10 + pick(campaign_no, 'campaign length', 12), cast(floor(day_count() / 8.0) as integer) - 3)) as length_days
    from planned

),

placed as (

    select
        *,
        first_day() + cast(
            case
                when slot is not null
                    then floor(slot * day_count() / 8.0) + 1 + pick(
                        campaign_no, 'campaign start',
                        greatest(1, cast(floor(day_count() / 8.0) as integer) - length_days - 1)
                    )
                else least(floor(place * day_count()), day_count() - length_days - 1)
            end as integer
        ) as starts_on
    from timed

)

select
    'X' || lpad(cast(campaign_no as varchar), 2, '0') as campaign_id,
    campaign_no,
    name,
    kind,
    mechanic,
    channel,
    cast(category as varchar) as category,
    case when kind in ('coupon', 'price', 'gift')
        then upper(left(kind, 3)) || '-' || cast(10000 + pick(campaign_no, 'coupon code', 90000) as varchar) end as coupon_code,
    starts_on,
    starts_on + length_days - 1 as ends_on,
    to_utc(starts_on + interval 6 hour, 'America/New_York') as window_start,
    to_utc(cast(starts_on + length_days as timestamp), 'America/New_York') as window_end,
    cast(case channel when 'sms' then 0.06 when 'app' then 0.01 else 0.02 end as decimal(18, 2)) as contact_cost,
    method,
    method = 'random' as is_random,
    gold_add + silver_add + bronze_add + none_add + stop_share = 0 as is_null,
    gold_add + silver_add + bronze_add + none_add + stop_share > 0 as has_effect,
    has_pull_forward,
    has_broken_randomisation,
    -- what a coupon takes off; points and gifts take nothing off
    case when kind in ('coupon', 'price') then case
        when mechanic like '10 %' then 0.10 when mechanic like '15 %' then 0.15 else 0.20
    end else 0.0 end as discount_rate,
    0.3 + 0.2 * draw(campaign_no, 'assigned share') as assigned_share,
    cast(gold_add as double) as gold_add,
    cast(silver_add as double) as silver_add,
    cast(bronze_add as double) as bronze_add,
    cast(none_add as double) as none_add,
    cast(stop_share as double) as stop_share,
    reason
from placed
order by campaign_no;

create table assignments as
with eligible as (

    select
        identities.person_id,
        if(identities.member_id is null, 'none', behaviours.tier) as segment,
        behaviours.rhythm is not null and behaviours.period_days < 28 as is_frequent
    from identities
    inner join behaviours on identities.person_id = behaviours.person_id
    inner join people on identities.person_id = people.person_id
    where not people.is_real and (identities.member_id is not null or identities.account_id is not null)

),

chosen as (

    select
        campaigns.campaign_id,
        campaigns.campaign_no,
        campaigns.window_start,
        campaigns.method,
        campaigns.has_broken_randomisation,
        eligible.person_id,
        eligible.segment,
        eligible.is_frequent,
        eligible.person_id * 100 + campaigns.campaign_no as assignment_key
    from eligible
    cross join campaigns
    where
        draw(eligible.person_id * 100 + campaigns.campaign_no, 'assigned') < campaigns.assigned_share
        and (campaigns.is_random or eligible.is_frequent)

)

select
    campaign_id,
    campaign_no,
    person_id,
    case
        when method = 'targeted' then 'treatment'
        when draw(assignment_key, 'arm')
            < if(has_broken_randomisation and is_frequent, 0.77, 0.5) then 'treatment'
        else 'control'
    end as arm,
    window_start as assigned_at,
    method,
    segment
from chosen;
