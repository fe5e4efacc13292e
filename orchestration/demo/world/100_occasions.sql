-- When people buy. One row of `occasions` is one purchase: an order in the web shop or a receipt of
-- a store. People whose purchases in stores are real have web orders only.
--
-- occasions(occasion_id, occasion_key, person_id, bought_at, bought_on, landed_on, channel, platform,
--          kind, category, is_guest, campaign_id, is_redeemed, is_extra, is_discounted,
--          stock_factor): a view of `purchase_facts`, which holds numbers instead of words and is
--          sorted by landed_on.
-- bought_on: day in the buyer's time zone. landed_on: day of the delivery that brings it, in the
--          retailer's time zone; after last_day() it is never delivered.
-- platform: null in stores. kind: 'routine' (regular people), 'stock_up', 'gift_or_event' (Black
--          Friday and Christmas), or 'irregular' (all other).
-- campaign_id: the campaign whose offer was used on the purchase (is_redeemed), or without which it
--          would not have happened (is_extra), or both.
-- is_discounted: bought at a promotion's price or with a coupon that takes something off.
-- stock_factor: how many times the usual quantity: 1, 3 or 4.
--
-- responses(campaign_no, person_id, segment, arm, would_add, would_stop): what an offer does to a
--          person who gets it, for all who were assigned to a campaign with an effect, in both arms.
-- redemptions(occasion_key, person_id, campaign_no, is_member, is_leaked)
-- missed_occasions(occasion_id, person_id, campaign_no, fate, bought_on, bought_at, is_store): what
--          offers prevented, 'stopped' or 'brought forward'.
--
-- A person has 400 keys: 0 to 299 for the rhythm, from 300 for Black Friday, from 320 for Christmas,
-- from 360 for purchases due to a campaign. The ids are the keys mixed, so that nothing can be read
-- from them; nine digits hold 2.4 million people.

create macro occasion_id_of(occasion_key) as (occasion_key * 387420489) % 1000000000;

create macro category_of(occasion_key, favourite_no) as if(
    favourite_no is not null and draw(occasion_key, 'category') < 0.7,
    favourite_no,
    1 + pick(occasion_key, 'any category', 8)
);

create temp table natural_occasions as
with counted as (

    -- how many gaps surely cover the period
    select
        behaviours.person_id,
        behaviours.rhythm,
        behaviours.period_days,
        behaviours.does_stock_up,
        behaviours.activity,
        people.is_real,
        behaviours.left_on,
        case
            -- about 40 % of the real people never order in the web shop; all of them together 2.5 times a year
            when people.is_real
                then if(behaviours.is_online and draw(behaviours.person_id, 'orders at all') < 0.76, 0, null)
            else 0
        end as is_buying,
        case
            when people.is_real then 365 / (3.79 * behaviours.activity)
            else behaviours.period_days
        end as mean_days
    from behaviours
    inner join people on behaviours.person_id = people.person_id

),

numbered as (

    select
        *,
        unnest(range(0, least(300, cast(
            case
                when rhythm = 'regular' then ceil(day_count() / mean_days + 0.4 * sqrt(day_count() / mean_days)) + 3
                when rhythm = 'bursty' then 4 * ceil(day_count() / mean_days / 3 + 1.5 * sqrt(day_count() / mean_days / 3) + 2)
                when rhythm = 'random' or is_real then ceil(day_count() / mean_days + 3 * sqrt(day_count() / mean_days)) + 1
                else ceil(2 * day_count() / mean_days) + 1
            end as bigint
        )))) as number
    from counted
    where is_buying is not null

),

keyed as (

    select
        rhythm,
        mean_days,
        is_real,
        does_stock_up,
        number,
        person_id * 400 + number as occasion_key,
        -- one purchase in five fills the cupboard: how many times the usual did the one before buy?
        case when does_stock_up and number > 0 and draw(person_id * 400 + number - 1, 'stock up') < 0.2
            then 3 + pick(person_id * 400 + number - 1, 'stock factor', 2) else 1 end as factor_before
    from numbered
    -- the purchases of bursty people come in groups of two to four
    where
        rhythm is distinct from 'bursty'
        or number % 4 < 2 + pick(person_id * 400 + number // 4, 'burst size', 3)

),

spaced as (

    -- whole seconds, so that their sum does not hang on the order in which it is made
    select
        occasion_key,
        cast(86400 * case
            when rhythm = 'regular' then
                mean_days
                * if(number = 0, draw(occasion_key, 'gap'), least(1.6, greatest(0.4, 1 + if(does_stock_up, 0.12, 0.17) * normal(occasion_key, 'gap'))))
                -- of what is in the cupboard, about half is used as slowly as otherwise
                * (1 + 0.45 * (factor_before - 1))
            when rhythm = 'bursty' then
                case
                    when number % 4 > 0 then 0.7 + 2 * draw(occasion_key, 'gap')
                    when number = 0 then 3 * mean_days * draw(occasion_key, 'gap')
                    else 3 * mean_days * (0.5 + 0.5 * wait(occasion_key, 'gap'))
                end
            when rhythm = 'random' or is_real then mean_days * wait(occasion_key, 'gap')
            else mean_days * if(number = 0, draw(occasion_key, 'gap'), 0.5 + draw(occasion_key, 'gap'))
        end as bigint) as gap_seconds
    from keyed

),

summed as (

    -- narrow on purpose: this sorts twice as many rows as there are purchases
    select
        occasion_key,
        cast(sum(gap_seconds) over (
            partition by occasion_key // 400 order by occasion_key rows unbounded preceding
        ) as bigint) as seconds_since
    from spaced

),

rhythmic as (

    select
        counted.person_id,
        summed.occasion_key,
        first_day() + cast(summed.seconds_since // 86400 as integer) as planned_on,
        cast(case
            when counted.does_stock_up and draw(summed.occasion_key, 'stock up') < 0.2 then 2
            when counted.rhythm = 'regular' then 1
            else 4
        end as tinyint) as kind_no,
        counted.left_on
    from summed
    inner join counted on summed.occasion_key // 400 = counted.person_id
    where summed.seconds_since < cast(day_count() as bigint) * 86400

),

-- the day after the fourth Thursday of November
fridays as (

    select nov + cast((11 - isodow(nov)) % 7 + 22 as integer) as friday
    from (
        select make_date(year_no, 11, 1) as nov
        from range(year(first_day()), year(last_day()) + 1) as years (year_no)
    ) as novembers

),

black_friday as (

    -- most on the day itself, some on the days around it; half of the people buy twice
    select
        behaviours.person_id,
        behaviours.left_on,
        fridays.friday,
        visits.visit,
        behaviours.person_id * 400 + 300 + visits.visit + 2 * (year(fridays.friday) - year(first_day())) as occasion_key
    from behaviours
    cross join fridays
    cross join range(2) as visits (visit)
    inner join people on behaviours.person_id = people.person_id
    where behaviours.loves_black_friday and not people.is_real

),

christmas as (

    -- two to four purchases between the 25th of November and the 21st of December
    select
        behaviours.person_id,
        behaviours.left_on,
        make_date(year(fridays.friday), 11, 25) as season_start,
        behaviours.person_id * 400 + 320 + visits.visit + 4 * (year(fridays.friday) - year(first_day())) as occasion_key
    from behaviours
    cross join fridays
    cross join range(4) as visits (visit)
    inner join people on behaviours.person_id = people.person_id
    where
        behaviours.loves_christmas
        and not people.is_real
        and visits.visit < 2 + pick(behaviours.person_id * 3000 + year(fridays.friday), 'christmas visits', 3)

),

planned as (

    select
        person_id,
        occasion_key,
        kind_no,
        left_on,
        -- the end of the week draws purchases from the days beside it
        planned_on + if(
            draw(occasion_key, 'weekday') < 0.12,
            case isodow(planned_on) when 4 then 1 when 5 then 1 when 7 then -1 when 1 then -1 else 0 end,
            0
        ) as bought_on
    from rhythmic
    union all
    select
        person_id,
        occasion_key,
        3,
        left_on,
        friday + case
            when visit = 1 then 1 + pick(occasion_key, 'after black friday', 3)
            when draw(occasion_key, 'black friday itself') < 0.7 then 0
            else pick(occasion_key, 'black friday week', 7) - 3
        end
    from black_friday
    where visit = 0 or draw(occasion_key, 'black friday twice') < 0.5
    union all
    select
        person_id,
        occasion_key,
        3,
        left_on,
        season_start + pick(occasion_key, 'christmas day', 27)
    from christmas

)

select
    person_id,
    occasion_key,
    kind_no,
    bought_on
from planned
where bought_on between first_day() and last_day() and (left_on is null or bought_on < left_on);

-- Who would have bought anyway while a campaign runs.
create temp table natural_in_window as
select
    campaigns.campaign_no,
    natural_occasions.person_id,
    -- the first one on an inner day, on which an offer can be used in every time zone
    min(case when natural_occasions.bought_on > campaigns.starts_on and natural_occasions.bought_on < campaigns.ends_on
        then cast(natural_occasions.bought_on - first_day() as bigint) * 10000000000 + natural_occasions.occasion_key
    end) % 10000000000 as first_key
from natural_occasions
inner join campaigns
    on natural_occasions.bought_on >= campaigns.starts_on and natural_occasions.bought_on <= campaigns.ends_on
group by campaigns.campaign_no, natural_occasions.person_id;

create table responses as
select
    assignments.campaign_no,
    assignments.person_id,
    assignments.segment,
    assignments.arm,
    natural_in_window.person_id is null
    and (behaviours.left_on is null or behaviours.left_on > campaigns.ends_on)
    and draw(assignments.person_id * 100 + assignments.campaign_no, 'adds') < case assignments.segment
        when 'gold' then campaigns.gold_add
        when 'silver' then campaigns.silver_add
        when 'bronze' then campaigns.bronze_add
        else campaigns.none_add
    end as would_add,
    natural_in_window.first_key is not null
    and draw(assignments.person_id * 100 + assignments.campaign_no, 'stops') < campaigns.stop_share as would_stop
from assignments
inner join campaigns on assignments.campaign_no = campaigns.campaign_no
inner join behaviours on assignments.person_id = behaviours.person_id
left join natural_in_window
    on
        assignments.campaign_no = natural_in_window.campaign_no
        and assignments.person_id = natural_in_window.person_id
where campaigns.has_effect;

-- What does not happen because of an offer.
create temp table fates as
with stopped as (

    select
        natural_occasions.occasion_key,
        responses.campaign_no,
        'stopped' as fate
    from responses
    inner join campaigns on responses.campaign_no = campaigns.campaign_no
    inner join natural_occasions on responses.person_id = natural_occasions.person_id
    where
        responses.would_stop
        and responses.arm = 'treatment'
        and natural_occasions.bought_on > campaigns.starts_on
        and natural_occasions.bought_on < campaigns.ends_on

),

brought_forward as (

    -- the next purchase within thirty days was made early
    select
        min(cast(natural_occasions.bought_on - first_day() as bigint) * 10000000000 + natural_occasions.occasion_key)
        % 10000000000 as occasion_key,
        responses.campaign_no,
        'brought forward' as fate
    from responses
    inner join campaigns on responses.campaign_no = campaigns.campaign_no
    inner join natural_occasions on responses.person_id = natural_occasions.person_id
    where
        responses.would_add
        and responses.arm = 'treatment'
        and campaigns.has_pull_forward
        and natural_occasions.bought_on > campaigns.ends_on
        and natural_occasions.bought_on <= campaigns.ends_on + 30
    group by responses.campaign_no, responses.person_id

)

select occasion_key, min(campaign_no) as campaign_no, max(fate) as fate
from (select * from stopped union all select * from brought_forward) as missed
group by occasion_key;

create table redemptions as
with extra as (

    -- four in five of those whom the offer brought use it, fewer of those who dislike discounts
    select
        responses.person_id * 400 + 360 + responses.campaign_no as occasion_key,
        responses.person_id,
        responses.campaign_no,
        behaviours.is_member,
        false as is_leaked
    from responses
    inner join behaviours on responses.person_id = behaviours.person_id
    where
        responses.would_add
        and responses.arm = 'treatment'
        and draw(responses.person_id * 100 + responses.campaign_no, 'redeems extra')
        < if(behaviours.sensitivity = 'full_price', 0.5, 0.87)

),

natural_buyers as (

    select
        natural_in_window.first_key as occasion_key,
        natural_in_window.person_id,
        natural_in_window.campaign_no,
        behaviours.is_member,
        assignments.person_id is null as is_leaked
    from natural_in_window
    inner join campaigns on natural_in_window.campaign_no = campaigns.campaign_no
    inner join behaviours on natural_in_window.person_id = behaviours.person_id
    left join assignments
        on
            natural_in_window.campaign_no = assignments.campaign_no
            and natural_in_window.person_id = assignments.person_id
    where
        natural_in_window.first_key is not null
        and (campaigns.category is null
            or categories()[category_of(natural_in_window.first_key, list_position(categories(), behaviours.favourite_category))]
            = campaigns.category)
        and case
            -- a code that somebody passed on, used by people who never were assigned
            when assignments.person_id is null then
                campaigns.coupon_code is not null
                and draw(natural_in_window.person_id * 100 + natural_in_window.campaign_no, 'leaks') < 0.004
            when assignments.arm = 'control' then false
            else draw(natural_in_window.person_id * 100 + natural_in_window.campaign_no, 'redeems')
                < case behaviours.sensitivity
                    when 'full_price' then 0.05
                    when 'opportunist' then 0.45
                    when 'deal_only' then 0.8
                    else 0.3
                end
        end

),

-- one offer a purchase, and none on a purchase that did not happen
used as (

    select occasion_key, person_id, campaign_no, is_member, is_leaked from extra
    union all
    select
        occasion_key,
        any_value(person_id) as person_id,
        min(campaign_no) as campaign_no,
        any_value(is_member) as is_member,
        arg_min(is_leaked, campaign_no) as is_leaked
    from natural_buyers
    where occasion_key not in (select occasion_key from fates)
    group by occasion_key

)

select * from used;

drop table natural_in_window;

create table purchase_facts as
with happening as (

    select
        natural_occasions.person_id,
        natural_occasions.occasion_key,
        natural_occasions.bought_on,
        natural_occasions.kind_no,
        cast(null as tinyint) as extra_of,
        fates.fate,
        fates.campaign_no as prevented_by
    from natural_occasions
    left join fates on natural_occasions.occasion_key = fates.occasion_key
    union all
    select
        responses.person_id,
        responses.person_id * 400 + 360 + responses.campaign_no,
        -- more at the start than at the end, and on inner days only
        campaigns.starts_on + 1 + cast(floor(
            (campaigns.ends_on - campaigns.starts_on - 1)
            * power(draw(responses.person_id * 100 + responses.campaign_no, 'extra day'), 1.6)
        ) as integer),
        4,
        responses.campaign_no,
        null,
        null
    from responses
    inner join campaigns on responses.campaign_no = campaigns.campaign_no
    where responses.would_add and responses.arm = 'treatment'

),

buyers as (

    select
        people.person_id,
        people.is_real,
        people.time_zone,
        behaviours.is_online,
        behaviours.is_member,
        behaviours.store_share,
        behaviours.discount_share,
        case favourite_daypart when 'night' then 0 when 'morning' then 1 when 'afternoon' then 2 when 'evening' then 3 end as favourite_quarter,
        case when behaviours.has_app then if(behaviours.favourite_channel = 'app', 0.9, 0.4) else 0 end as app_share,
        list_position(categories(), behaviours.favourite_category) as favourite_no
    from people
    inner join behaviours on people.person_id = behaviours.person_id

),

channelled as (

    select
        happening.*,
        buyers.* exclude (person_id),
        -- an offer is used under the number to which it was given: members show their card, others
        -- are signed in
        not buyers.is_real and (
            not buyers.is_online
            or (
                draw(happening.occasion_key, 'channel') < buyers.store_share
                and (happening.extra_of is null or buyers.is_member)
            )
        ) as is_store,
        redemptions.campaign_no as redeemed_no
    from happening
    inner join buyers on happening.person_id = buyers.person_id
    left join redemptions on happening.occasion_key = redemptions.occasion_key

),

clocked as (

    select
        * exclude (bought_on),
        -- stores are closed on Christmas Day
        if(is_store and month(bought_on) = 12 and day(bought_on) = 25, bought_on - 1, bought_on) as bought_on,
        case
            when is_store then cast(
                (8 + 6.5 * (draw(occasion_key, 'hour') + draw(occasion_key, 'other hour'))) * 3600 as integer
            )
            else pick(occasion_key, 'hour', 21600) + 21600 * case
                when favourite_quarter is not null and draw(occasion_key, 'at favourite time') < 0.65 then favourite_quarter
                when draw(occasion_key, 'daypart') < 0.07 then 0
                when draw(occasion_key, 'daypart') < 0.32 then 1
                when draw(occasion_key, 'daypart') < 0.66 then 2
                else 3
            end
        end as second_of_day
    from channelled

),

timed as (

    select
        clocked.person_id,
        clocked.occasion_key,
        clocked.bought_on,
        clocked.bought_on + to_seconds(
            clocked.second_of_day
            + 3600 * if(clocked.second_of_day < 10800, utc_offsets.early_hours, utc_offsets.late_hours)
        ) as bought_at,
        -- midnight of the retailer may be earlier than the buyer's
        clocked.bought_on + (clocked.second_of_day + 3600 * utc_offsets.hours_behind) // 86400
        -- one in a hundred comes one to three days late
        + if(draw(clocked.occasion_key, 'late') < 0.01, 1 + pick(clocked.occasion_key, 'how late', 3), 0) as landed_on,
        clocked.kind_no,
        cast(category_of(clocked.occasion_key, clocked.favourite_no) as tinyint) as category_no,
        clocked.is_store,
        not clocked.is_store and draw(clocked.occasion_key, 'in the app') < clocked.app_share as is_in_app,
        not clocked.is_store
        and clocked.extra_of is null
        and clocked.redeemed_no is null
        and draw(clocked.occasion_key, 'guest') < 0.1 as is_guest,
        cast(coalesce(clocked.redeemed_no, clocked.extra_of) as tinyint) as campaign_no,
        clocked.redeemed_no is not null as is_redeemed,
        clocked.extra_of is not null as is_extra,
        coalesce(campaigns.discount_rate > 0, false)
        or (
            (clocked.bought_on - first_day()) % 14 < 10
            -- in stores only the card brings the promotion's price
            and (clocked.is_member or not clocked.is_store)
            and draw(clocked.occasion_key, 'discounted') < clocked.discount_share
        ) as is_discounted,
        cast(if(clocked.kind_no = 2, 3 + pick(clocked.occasion_key, 'stock factor', 2), 1) as tinyint) as stock_factor,
        clocked.fate,
        clocked.prevented_by
    from clocked
    inner join utc_offsets
        on clocked.time_zone = utc_offsets.time_zone and clocked.bought_on = utc_offsets.local_date
    left join campaigns on clocked.redeemed_no = campaigns.campaign_no

)

select * replace (
    -- what is late does not come from a closed store either
    landed_on + if(is_store and month(landed_on) = 12 and day(landed_on) = 25, 1, 0) as landed_on
)
from timed
order by landed_on, occasion_key;

create view occasions as
select
    occasion_id_of(occasion_key) as occasion_id,
    occasion_key,
    person_id,
    bought_at,
    bought_on,
    landed_on,
    if(is_store, 'store', 'web') as channel,
    case when is_store then null when is_in_app then 'app' else 'web' end as platform,
    case kind_no when 1 then 'routine' when 2 then 'stock_up' when 3 then 'gift_or_event' else 'irregular' end as kind,
    categories()[category_no] as category,
    is_guest,
    case when campaign_no is not null then 'X' || lpad(cast(campaign_no as varchar), 2, '0') end as campaign_id,
    is_redeemed,
    is_extra,
    is_discounted,
    stock_factor
from purchase_facts
where fate is null;

create view missed_occasions as
select
    occasion_id_of(occasion_key) as occasion_id,
    person_id,
    prevented_by as campaign_no,
    fate,
    bought_on,
    bought_at,
    is_store
from purchase_facts
where fate is not null;

drop table natural_occasions;
drop table fates;
