-- Visits of the web site and the app. A row of `sessions` is one visit; its events are made in the
-- delivery, from the script and draws keyed by the session and the number of the event.
--
-- sessions(session_id, kind, person_id, journey_id, path, device_key, script, category_no, started_at,
--          gap_seconds, event_count, login_at, account, platform, referrer, campaign_id, pool_no,
--          product_no, landed_on, is_redelivered, clock_days)
-- kind: 'journey', 'click' (follows the click on a message), 'anonymous' (a stranger's device),
--          'bot', or 'repeated' (in the hour that summer time repeats). person_id: null for the last three.
-- event_count includes the login. login_at: number of the event that is the login (from 0), null when
--          there is none. account: 0 nobody is signed in, 1 the person's account, 2 the second one;
--          until the login, nobody is.
-- landed_on: day of the delivery, in the retailer's time zone. is_redelivered: comes again the
--          day after. clock_days: by how many days the clock of the device is wrong.
-- device_key: person_id * 10 + 1 phone, 2 laptop, 3 app; -household_id for a shared tablet;
--          1e12 + .. anonymous, 2e12 + .. bots, 3e12 + .. kiosks in stores.
-- device_id(device_key): as the tracker knows it.
-- bots(device_key, night, burst_on)
-- scripts(script, script_no, is_about_order): what a visit is for
-- script_events(choice_key, event_type, is_about_product): four choices for each of the first five
--          events; script_no * 20 + 4 * place + choice

-- Rates. A quarter of all visits are strangers', 2 % of the visits come one to three days late,
-- 0.5 % are delivered twice, 0.2 % have a wrong clock, 1.5 % of those that lead to nothing happen
-- at a store's kiosk. 40 % begin signed out; in the short ones nobody may sign in at all.

create macro device_id(device_key) as
    case
        when device_key >= 3000000000000 then 'kiosk-S' || lpad(cast(device_key - 3000000000000 as varchar), 2, '0')
        else lower(hex(hash(hash(device_key, hash('device', seed())))))
    end;

create macro referrer_of(favourite, r) as
    case
        when favourite = 'email' and r < 0.5 then 'email'
        when favourite = 'sms' and r < 0.45 then 'sms'
        when favourite = 'social' and r < 0.55 then 'social'
        when favourite = 'app' and r < 0.2 then 'push'
        when favourite in ('email', 'sms', 'social', 'app', 'web') then
            case when r < 0.77 then 'direct' when r < 0.93 then 'search' when r < 0.97 then 'ad' else 'affiliate' end
        when r < 0.30 then 'direct'
        when r < 0.60 then 'search'
        when r < 0.68 then 'email'
        when r < 0.76 then 'social'
        when r < 0.90 then 'ad'
        else 'affiliate'
    end;

create table journey_sessions as
with steps as (

    select
        journeys.journey_id,
        journeys.person_id,
        journeys.category_no,
        journeys.kind,
        journeys.path,
        path_steps.step,
        path_steps.script,
        journeys.journey_id * 100 + path_steps.step * 10 + 1 as session_id,
        journeys.ended_on
        - cast(path_steps.low + pick(journeys.journey_id * 100 + path_steps.step * 10 + 1, 'days before', path_steps.high - path_steps.low + 1) as integer)
        as day_on,
        if(path_steps.script in ('checkout', 'buy'), journeys.ended_at, null) as ended_at,
        journeys.is_guest,
        journeys.platform,
        if(path_steps.script in ('checkout', 'buy'), journeys.campaign_id, null) as campaign_id,
        journeys.product_no,
        journeys.pool_no
    from journeys
    inner join path_steps on journeys.path = path_steps.path

    union all

    -- three buyers in ten look after their order
    select
        journeys.journey_id,
        journeys.person_id,
        journeys.category_no,
        journeys.kind,
        journeys.path,
        9,
        'after',
        journeys.journey_id * 100 + 91,
        journeys.ended_on + 1 + pick(journeys.journey_id, 'looks after', 7),
        null,
        journeys.is_guest,
        journeys.platform,
        null,
        journeys.product_no,
        journeys.pool_no
    from journeys
    left join stage_cells on journeys.occasion_id = stage_cells.occasion_id
    where
        journeys.kind = 'bought'
        and draw(journeys.journey_id, 'looks at all') < 0.3
        and stage_cells.occasion_id is null

),

known as (

    select
        steps.*,
        browsers.household_id,
        browsers.favourite_channel,
        coalesce(if(steps.day_on >= new_dayparts.happened_on, new_dayparts.new_daypart, null), browsers.favourite_daypart) as daypart,
        browsers.has_second_account,
        browsers.has_tablet,
        browsers.is_gap,
        zone_hours.early_hours,
        zone_hours.late_hours,
        coalesce(
            if(steps.ended_at is not null or draw(steps.session_id, 'same platform') < 0.85, steps.platform, null),
            if(
                browsers.has_app and draw(steps.session_id, 'platform') < if(browsers.favourite_channel = 'app', 0.9, 0.25),
                'app', 'web'
            )
        ) as session_platform
    from steps
    inner join browsers on steps.person_id = browsers.person_id
    inner join zone_hours on browsers.zone_no * 10000 + cast(steps.day_on - first_day() as integer) = zone_hours.hours_key
    left join (
        select person_id, happened_on, new_daypart
        from life_events
        where kind = 'new_job' and new_daypart is not null
    ) as new_dayparts on steps.person_id = new_dayparts.person_id
    where
        steps.day_on between first_day() and last_day()
        and (browsers.left_on is null or steps.day_on < browsers.left_on)

),

sized as (

    select
        *,
        case script
            when 'explore' then 2 + pick(session_id, 'events', 3) + if(kind = 'planted', 1, 0)
            when 'inform' then 2 + pick(session_id, 'events', 3) + if(kind = 'planted', 1, 0)
            when 'browse' then 3 + pick(session_id, 'events', 3)
            when 'cart' then 3 + pick(session_id, 'events', 2)
            when 'checkout' then 4
            when 'buy' then 1
            else 1 + pick(session_id, 'events', 2)
        end as page_count,
        day_seconds(session_id, 'visit at', daypart) as day_second,
        20 + pick(session_id, 'seconds a page', 50) as gap_seconds,
        draw(session_id, 'signed out') < if(session_platform = 'app', 0.2, 0.45) as is_signed_out,
        -- 1.5 % in a store, on a device that everybody uses
        kind = 'abandoned' and draw(session_id, 'kiosk') < 0.015 as is_kiosk
    from known

),

signed as (

    select
        *,
        case
            when is_guest then null
            when is_kiosk or (is_signed_out and script = 'buy') then 0
            when is_signed_out and script = 'checkout' then 1
            when is_signed_out and (script = 'after' or kind = 'planted' or draw(session_id, 'signs in') < 0.5) then 1 + pick(session_id, 'signs in when', page_count)
        end as login_at
    from sized

)

select
    session_id,
    person_id,
    journey_id,
    path,
    kind = 'planted' as is_planted,
    case
        when is_kiosk then 3000000000000 + 1 + pick(session_id, 'which kiosk', 12)
        when session_platform = 'app' then person_id * 10 + 3
        when has_tablet and kind != 'planted' and draw(session_id, 'on the tablet') < 0.5 then -household_id
        -- most have both, and take one of them more often
        when draw(session_id, 'device') < case when draw(person_id, 'devices') < 0.2 then 0.0 when draw(person_id, 'devices') < 0.4 then 1.0 else 0.35 end
            then person_id * 10 + 2
        else person_id * 10 + 1
    end as device_key,
    script,
    category_no,
    coalesce(
        ended_at - to_seconds(cast((page_count - 1) * gap_seconds + if(login_at is null, 0, gap_seconds) as bigint)),
        cast(day_on as timestamp) + to_seconds(cast(day_second + 3600 * if(day_second < 10800, early_hours, late_hours) as bigint))
    ) as started_at,
    gap_seconds,
    page_count + if(login_at is null, 0, 1) + if(is_kiosk, 1, 0) as event_count,
    login_at,
    case
        when is_guest or (is_signed_out and login_at is null) then 0
        when has_second_account and script not in ('checkout', 'buy', 'after') and draw(session_id, 'which account') < 0.2 then 2
        else 1
    end as account,
    if(is_kiosk, 'web', session_platform) as platform,
    case
        when is_kiosk then 'direct'
        when favourite_channel = 'app' and session_platform = 'web' then 'direct'
        when session_platform = 'app' then if(favourite_channel = 'app' and draw(session_id, 'referrer') < 0.2, 'push', 'direct')
        else referrer_of(favourite_channel, draw(session_id, 'referrer'))
    end as referrer,
    campaign_id,
    pool_no,
    -- who looks at what she never buys does so even on the way to something else
    if(is_gap and script not in ('checkout', 'buy', 'after'), null, product_no) as product_no
from signed;

create table click_sessions as
select
    reactions.send_id * 10 + 4 as session_id,
    browsers.person_id,
    browsers.person_id * 10 + if(reactions.channel_no = 3, 3, 1) as device_key,
    'click' as script,
    -- where a stage is planted only the front page is seen
    if(stage_cells.person_id is null, clicked.category_no, null) as category_no,
    reactions.reacted_at + to_seconds(5 + pick(reactions.send_id, 'opens the page', 55)) as started_at,
    20 + pick(reactions.send_id, 'click seconds a page', 50) as gap_seconds,
    2 + pick(reactions.send_id, 'click events', 2) as event_count,
    if(draw(reactions.send_id, 'click signed in') < 0.6, 1, 0) as account,
    if(reactions.channel_no = 3, 'app', 'web') as platform,
    case reactions.channel_no when 1 then 'email' when 2 then 'sms' else 'push' end as referrer,
    reactions.campaign_id,
    if(stage_cells.person_id is null, view_pools.pool_no, null) as pool_no
from reactions
inner join browsers on reactions.person_id = browsers.person_id
cross join lateral (
    select cast(
        if(
            browsers.favourite_category_no is not null and draw(reactions.send_id, 'click favourite') < 0.5,
            browsers.favourite_category_no, pick(reactions.send_id, 'click category', 8)
        ) as tinyint
    ) as category_no
) as clicked
left join stage_cells on browsers.person_id = stage_cells.person_id and clicked.category_no = stage_cells.category_no
left join view_pools on clicked.category_no = view_pools.category_no and browsers.preference_no = view_pools.preference_no
where reactions.kind = 'clicked';

-- Bots: 30 for 8,000 people, each with a burst in two to four nights.
create table bots as
select
    2000000000000 + bot_no as device_key,
    night,
    first_day() + cast((pick(bot_no, 'bot starts', greatest(1, day_count() - 12)) + night * (1 + pick(bot_no, 'bot pauses', 3))) as integer) as burst_on
from range(greatest(3, cast(round(30 * people_count() / 8000.0) as bigint))) as devices (bot_no)
cross join range(4) as nights (night)
where night < 2 + pick(bot_no, 'bot nights', 3);

create table sessions as
with strangers as (

    -- a third of the visits of known people; a device comes one to three times
    select
        5 + 10 * visit_no as session_id,
        1000000000000 + if(draw(visit_no, 'comes again') < 0.3, visit_no // 3 * 3, visit_no) as device_key,
        pick(visit_no // 3, 'stranger starts', day_count()) as day_no,
        visit_no % 3 as visit,
        visit_no
    from range((
        select (select count(*) from journey_sessions) + (select count(*) from click_sessions)
    ) // 3) as visits (visit_no)

),

stranger_days as (

    select
        *,
        first_day() + cast((day_no + visit * pick(visit_no, 'stranger returns', 9)) % day_count() as integer) as day_on
    from strangers

),

-- the days on which the clocks go back, with the first UTC second of the hour that comes twice
repeated_hours as (

    select cast(local_date as timestamp) + to_hours(1 + early_hours) as starts_at
    from utc_offsets
    where time_zone = 'America/New_York' and late_hours > early_hours and local_date <= last_day()

),

together as (

    select
        session_id, 'journey' as kind, person_id, journey_id, path, device_key, script, category_no,
        started_at, gap_seconds, event_count, login_at, account, platform, referrer, campaign_id,
        pool_no, product_no, is_planted
    from journey_sessions

    union all

    select
        session_id, 'click', person_id, null, null, device_key, script, category_no,
        started_at, gap_seconds, event_count, null, account, platform, referrer, campaign_id,
        pool_no, null, false
    from click_sessions

    union all

    select
        stranger_days.session_id, 'anonymous', null, null, null, stranger_days.device_key,
        case pick(stranger_days.visit_no, 'stranger script', 10)
            when 0 then 'cart' when 1 then 'inform' when 2 then 'inform' when 3 then 'browse' when 4 then 'browse' else 'explore'
        end,
        pick(stranger_days.visit_no, 'stranger category', 8),
        cast(stranger_days.day_on as timestamp)
        + to_seconds(cast(day_seconds(stranger_days.visit_no, 'stranger visit', null) + shop_hours.hours * 3600 as bigint)),
        20 + pick(stranger_days.visit_no, 'stranger seconds', 50),
        1 + pick(stranger_days.visit_no, 'stranger events', 4),
        null, 0,
        if(draw(stranger_days.device_key, 'stranger platform') < 0.1, 'app', 'web'),
        referrer_of(null, draw(stranger_days.visit_no, 'stranger referrer')),
        null, null, null, false
    from stranger_days
    inner join shop_hours on stranger_days.day_on = shop_hours.utc_date

    union all

    select
        6 + 10 * (bots.device_key * 4 + bots.night), 'bot', null, null, null, bots.device_key, 'bot',
        pick(bots.device_key * 4 + bots.night, 'bot category', 8),
        cast(bots.burst_on as timestamp)
        + to_seconds(cast(7200 + pick(bots.device_key * 4 + bots.night, 'bot at', 9000) + shop_hours.hours * 3600 as bigint)),
        1 + pick(bots.device_key, 'bot seconds', 3),
        120 + pick(bots.device_key * 4 + bots.night, 'bot events', 180),
        null, 0, 'web', 'direct', null, null, null, false
    from bots
    inner join shop_hours on bots.burst_on = shop_hours.utc_date
    where bots.burst_on <= last_day()

    union all

    -- half of them in the first, half in the second of the two hours
    select
        7 + 10 * visit_key, 'repeated', null, null, null, 1500000000000 + visit_key,
        'explore',
        pick(visit_key, 'repeated category', 8),
        repeated_hours.starts_at + to_seconds(cast(pick(visit_key, 'repeated at', 6900) as bigint)),
        20 + pick(visit_key, 'repeated seconds', 20),
        2,
        null, 0, 'web', 'direct', null, null, null, false
    from (
        select
            starts_at,
            year(starts_at) * 1000000 + visit_no as visit_key
        from repeated_hours
        cross join range(greatest(20, cast(people_count() // 1000 as bigint))) as visits (visit_no)
    ) as repeated_hours

),

dated as (

    select
        together.*,
        -- what runs at midnight belongs to the day on which it surely has ended
        cast(together.started_at - to_hours(shop_hours.hours) + interval 8 minute as date) as day_on
    from together
    inner join shop_hours on cast(together.started_at as date) = shop_hours.utc_date

)

select
    session_id,
    kind,
    cast(person_id as integer) as person_id,
    journey_id,
    cast(path as tinyint) as path,
    device_key,
    script,
    cast(category_no as tinyint) as category_no,
    started_at,
    cast(gap_seconds as tinyint) as gap_seconds,
    cast(event_count as smallint) as event_count,
    cast(login_at as tinyint) as login_at,
    cast(account as tinyint) as account,
    platform,
    referrer,
    campaign_id,
    pool_no,
    product_no,
    day_on + if(
        not is_planted and draw(session_id, 'late') < 0.02, 1 + pick(session_id, 'how late', 3), 0
    ) as landed_on,
    draw(session_id, 'redelivered') < 0.005 as is_redelivered,
    cast(case
        when not is_planted and kind != 'bot' and draw(session_id, 'wrong clock') < 0.002
            then one_of(session_id, 'how wrong', [-4000, -365, -40, -3, 2, 3, 30, 365])
        else 0
    end as smallint) as clock_days
from dated
where day_on <= last_day()
order by landed_on, session_id;

drop table journey_sessions;
drop table click_sessions;

-- What is done at each place of a script: four choices a place.
create temp table script_plans as
from (
    values
    ('explore', 'home category_view search inspiration_view category_view category_view search inspiration_view category_view search inspiration_view video_play category_view inspiration_view search category_view category_view inspiration_view search category_view'),
    ('inform', 'search category_view product_view product_view product_view product_view product_view compare product_view review_read compare store_stock_check product_view review_read ask_question product_view product_view review_read review_read product_view'),
    ('browse', 'home category_view search inspiration_view category_view search category_view product_view product_view product_view product_view review_read product_view review_read compare store_stock_check product_view review_read product_view product_view'),
    ('cart', 'product_view product_view product_view product_view add_to_cart add_to_cart add_to_cart add_to_wishlist view_cart view_cart coupon_lookup view_delivery checkout_start checkout_start view_delivery view_cart checkout_start view_cart view_cart remove_from_cart'),
    ('checkout', 'add_to_cart add_to_cart add_to_cart view_cart checkout_start checkout_start view_delivery coupon_lookup checkout_payment checkout_payment checkout_payment checkout_payment purchase purchase purchase purchase purchase purchase purchase purchase'),
    ('buy', 'purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase purchase'),
    ('after', 'order_status order_status order_status order_status order_status order_status write_review return_start order_status order_status order_status order_status order_status order_status order_status order_status order_status order_status order_status order_status'),
    ('click', 'category_view category_view inspiration_view home product_view product_view product_view product_view product_view product_view review_read product_view product_view product_view product_view product_view product_view product_view product_view product_view'),
    ('bot', 'product_view product_view product_view category_view product_view product_view product_view category_view product_view product_view product_view category_view product_view product_view product_view category_view product_view product_view search category_view')
) as plans (script, events);

create table scripts as
select
    script,
    cast(row_number() over (order by script) as integer) as script_no,
    script in ('checkout', 'buy', 'after') as is_about_order
from script_plans;

create table script_events as
with choices as (

    select
        script,
        unnest(range(20)) as choice_no,
        unnest(string_split(events, ' ')) as event_type
    from script_plans

)

select
    cast(scripts.script_no * 20 + choices.choice_no as integer) as choice_key,
    choices.event_type,
    choices.event_type not in (
        'home', 'search', 'inspiration_view', 'video_play', 'category_view', 'view_cart', 'coupon_lookup'
    ) as is_about_product
from choices
inner join scripts on choices.script = scripts.script;

drop table script_plans;
