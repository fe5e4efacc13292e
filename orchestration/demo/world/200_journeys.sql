-- Ways to a purchase: what people look for on the web site and in the app, over days, up to a
-- purchase or to nothing. Sessions and events are made from these in 220.
--
-- category_numbers(category_no, category), zones(zone_no, time_zone): numbers instead of text
-- view_pools(pool_no, category_no, preference_no, product_count): the products looked at in a
--          category by the preference of the looker; 1000 + category_no is the pool of them all.
-- view_places(place_key, product_no): they in order of popularity; pool_no * 1000 + place from 0.
-- view_preferences(preference_no, dimension, value)
-- zone_hours(hours_key, early_hours, late_hours): utc_offsets by zone_no * 10000 + day of the period
-- browsers(person_id, household_id, zone_no, favourite_channel, favourite_daypart, has_app, activity,
--          favourite_category_no, left_on, is_active, has_second_account, has_tablet, preference_no,
--          is_gap): the people whom the tracker of web and app sees. The others refused it or
--          block it; they leave no web events at all. preference_no: what they look at most, a
--          planted preference or (is_gap) a brand or designer that they never buy.
-- stage_cells(person_id, category_no, stage, cell_no, occasion_id, ended_on): the stage of the path
--          that is planted as of the end of last_day(). occasion_id: the purchase behind stages
--          purchase and after_purchase. ended_on: when the journey behind a dormant one ended.
-- journeys(journey_id, person_id, category_no, kind, path, ended_on, ended_at, occasion_id, is_guest,
--          platform, campaign_id, product_no, pool_no): kind 'bought', 'abandoned' or 'planted'. ended_at: UTC
--          time of the purchase, null for the others.
-- paths(path, kind, weight, last_stage, has_explore, has_inform, has_intent) and path_steps(path, step,
--          script, low, high): the visits of each way, with the days before its end.

-- Rates. The tracker sees 50 % of the app's lovers, 30 % of those with another favourite online
-- channel, 12 % of the others, and everybody who shares a tablet. One tracked person in ten looks at what she never buys. Of tracked
-- and active people 45 % have one planted stage, 8 % two.

create table category_numbers as
select
    category,
    cast(row_number() over (order by category) - 1 as tinyint) as category_no
from (select distinct category from things);

create table view_preferences as
select
    cast(row_number() over (order by dimension, value) as smallint) as preference_no,
    dimension,
    value
from (select distinct dimension, value from pools where dimension != 'any');

create table view_pools as
select
    cast(
        if(
            view_preferences.preference_no is null,
            1000 + category_numbers.category_no,
            row_number() over (order by category_numbers.category_no, view_preferences.preference_no nulls last)
        ) as smallint
    ) as pool_no,
    category_numbers.category_no,
    view_preferences.preference_no,
    cast(count(*) as integer) as product_count
from pools
inner join category_numbers on pools.category = category_numbers.category
left join view_preferences
    on pools.dimension = view_preferences.dimension and pools.value = view_preferences.value
group by category_numbers.category_no, view_preferences.preference_no;

create table view_places as
select
    cast(view_pools.pool_no as integer) * 1000 + cast(pools.place as integer) as place_key,
    cast(pools.product_no as smallint) as product_no
from pools
inner join category_numbers on pools.category = category_numbers.category
left join view_preferences
    on pools.dimension = view_preferences.dimension and pools.value = view_preferences.value
inner join view_pools
    on
        category_numbers.category_no = view_pools.category_no
        and view_preferences.preference_no is not distinct from view_pools.preference_no;

create table zones as
select
    time_zone,
    cast(row_number() over (order by time_zone) as integer) as zone_no
from (select distinct time_zone from cities);

create table zone_hours as
select
    zones.zone_no * 10000 + cast(utc_offsets.local_date - first_day() as integer) as hours_key,
    utc_offsets.early_hours,
    utc_offsets.late_hours
from utc_offsets
inner join zones on utc_offsets.time_zone = zones.time_zone;

create table tracked as
with tablets as (

    -- 5 % of the households of several adults have one tablet for all
    select household_id
    from households
    where adult_count > 1 and draw(household_id, 'tablet') < 0.05

)

select
    behaviours.person_id,
    people.household_id,
    zones.zone_no,
    behaviours.favourite_channel,
    behaviours.favourite_daypart,
    behaviours.has_app,
    behaviours.activity,
    category_numbers.category_no as favourite_category_no,
    behaviours.left_on,
    behaviours.left_on is null or behaviours.left_on > last_day() as is_active,
    identities.second_account_id is not null as has_second_account,
    tablets.household_id is not null as has_tablet
from behaviours
inner join people on behaviours.person_id = people.person_id
inner join identities on behaviours.person_id = identities.person_id
inner join zones on people.time_zone = zones.time_zone
left join tablets on people.household_id = tablets.household_id
left join category_numbers on behaviours.favourite_category = category_numbers.category
where
    behaviours.is_online
    and draw(behaviours.person_id, 'tracked') < case
        -- nobody sets up a tracker's refusal on the family's tablet
        when tablets.household_id is not null then 1.0
        when behaviours.favourite_channel = 'app' then 0.5
        when behaviours.favourite_channel in ('web', 'email', 'social', 'sms') then 0.3
        else 0.12
    end;

-- Looks often, never buys: for people without a planted preference, the first of three brands or
-- designers that they have not bought.
create table browse_gaps as
with lookers as (

    select tracked.person_id
    from tracked
    left join preferences on tracked.person_id = preferences.person_id and preferences.dimension != 'category'
    where preferences.person_id is null and draw(tracked.person_id, 'gap') < 0.17

),

candidates as (

    select
        person_id,
        place,
        if(draw(person_id, 'gap kind') < 0.6, 'brand', 'designer') as dimension,
        if(
            draw(person_id, 'gap kind') < 0.6,
            brands()[1 + (pick(person_id, 'gap brand', 16) + 5 * place) % 16],
            designers()[1 + (pick(person_id, 'gap designer', 5) + place) % 5]
        ) as value
    from lookers
    cross join range(3) as places (place)

),

bought as (

    select distinct
        occasions.person_id,
        products.brand,
        products.designer
    from lookers
    inner join occasions on lookers.person_id = occasions.person_id
    inner join lines on occasions.occasion_id = lines.occasion_id
    inner join products on lines.product_no = products.product_no

),

never_bought as (

    select candidates.*
    from candidates
    where not exists (
        select 1
        from bought
        where bought.person_id = candidates.person_id and candidates.value in (bought.brand, bought.designer)
    )

)

select
    person_id,
    dimension,
    value
from never_bought
qualify row_number() over (partition by person_id order by place) = 1;

create table browsers as
select
    tracked.*,
    view_preferences.preference_no,
    browse_gaps.person_id is not null as is_gap
from tracked
left join preferences on tracked.person_id = preferences.person_id and preferences.dimension != 'category'
left join browse_gaps on tracked.person_id = browse_gaps.person_id
left join view_preferences
    on
        coalesce(preferences.dimension, browse_gaps.dimension) = view_preferences.dimension
        and coalesce(preferences.value, browse_gaps.value) = view_preferences.value;

drop table tracked;

create table paths as
select * from (
    values
    -- of purchases, 15 % come from nowhere (bought again with one click)
    (1, 'bought', 0.15, 'purchase', false, false, false),
    (2, 'bought', 0.20, 'purchase', false, false, true),
    (3, 'bought', 0.25, 'purchase', false, true, true),
    (4, 'bought', 0.20, 'purchase', true, true, true),
    (5, 'bought', 0.10, 'purchase', true, true, true),
    (6, 'bought', 0.05, 'purchase', true, true, true),
    (7, 'bought', 0.05, 'purchase', true, false, true),
    (11, 'abandoned', 0.25, 'explore', true, false, false),
    (12, 'abandoned', 0.10, 'explore', true, false, false),
    (13, 'abandoned', 0.15, 'inform', false, true, false),
    (14, 'abandoned', 0.12, 'inform', true, true, false),
    (15, 'abandoned', 0.08, 'inform', true, true, false),
    (16, 'abandoned', 0.18, 'intent', false, true, true),
    (17, 'abandoned', 0.09, 'intent', false, true, true),
    (18, 'abandoned', 0.03, 'intent', true, true, true),
    (21, 'planted', 0, 'explore', true, false, false),
    (22, 'planted', 0, 'inform', true, true, false),
    (23, 'planted', 0, 'intent', true, true, true),
    (24, 'planted', 0, 'inform', true, true, false),
    (25, 'planted', 0, 'after_purchase', false, false, false)
) as plan (path, kind, weight, last_stage, has_explore, has_inform, has_intent);

create table path_steps as
select * from (
    values
    (1, 1, 'buy', 0, 0),
    (2, 1, 'checkout', 0, 0),
    (3, 1, 'inform', 1, 6), (3, 2, 'checkout', 0, 0),
    (4, 1, 'browse', 1, 9), (4, 2, 'checkout', 0, 0),
    (5, 1, 'explore', 6, 14), (5, 2, 'inform', 1, 5), (5, 3, 'checkout', 0, 0),
    (6, 1, 'explore', 8, 14), (6, 2, 'inform', 4, 7), (6, 3, 'cart', 1, 3), (6, 4, 'checkout', 0, 0),
    (7, 1, 'explore', 1, 8), (7, 2, 'checkout', 0, 0),
    (11, 1, 'explore', 0, 0),
    (12, 1, 'explore', 3, 9), (12, 2, 'explore', 0, 0),
    (13, 1, 'inform', 0, 0),
    (14, 1, 'browse', 0, 0),
    (15, 1, 'explore', 3, 8), (15, 2, 'inform', 0, 0),
    (16, 1, 'cart', 0, 0),
    (17, 1, 'inform', 1, 4), (17, 2, 'cart', 0, 0),
    (18, 1, 'explore', 5, 12), (18, 2, 'inform', 2, 4), (18, 3, 'cart', 0, 0),
    -- planted: the end is last_day(), or the day the dormant one stopped
    (21, 1, 'explore', 4, 7), (21, 2, 'explore', 2, 3), (21, 3, 'explore', 1, 1),
    (22, 1, 'explore', 6, 9), (22, 2, 'inform', 3, 4), (22, 3, 'inform', 1, 2),
    (23, 1, 'inform', 4, 6), (23, 2, 'cart', 2, 3), (23, 3, 'cart', 1, 1),
    (24, 1, 'explore', 3, 8), (24, 2, 'inform', 0, 1),
    (25, 1, 'after', 2, 3), (25, 2, 'after', 1, 1)
) as plan (path, step, script, low, high);

create table stage_cells as
with chosen as (

    select
        person_id,
        preference_no,
        favourite_category_no,
        draw(person_id, 'stage cells') < 0.08 as has_second
    from browsers
    where is_active and draw(person_id, 'stage cells') < 0.53

),

bought as (

    -- in any channel
    select
        chosen.person_id,
        category_numbers.category_no,
        max(occasions.bought_on) as bought_on
    from chosen
    inner join occasions on chosen.person_id = occasions.person_id
    inner join category_numbers on occasions.category = category_numbers.category
    where occasions.bought_on > last_day() - 125
    group by chosen.person_id, category_numbers.category_no

),

recent as (

    select
        chosen.person_id,
        category_numbers.category_no,
        occasions.occasion_id,
        occasions.bought_on,
        orders.account_id is not null and not occasions.is_guest and not orders.is_cancelled as is_sure
    from chosen
    inner join occasions on chosen.person_id = occasions.person_id
    inner join category_numbers on occasions.category = category_numbers.category
    left join orders on occasions.occasion_id = orders.occasion_id
    where occasions.bought_on > last_day() - 26
    qualify row_number() over (
        partition by chosen.person_id, category_numbers.category_no
        order by occasions.bought_at desc, occasions.occasion_id desc
    ) = 1

),

from_purchases as (

    -- one purchase at most stands for a person: the last
    select
        person_id,
        category_no,
        if(bought_on >= last_day() - 1, 'purchase', 'after_purchase') as stage,
        occasion_id,
        bought_on
    from recent
    where
        coalesce(is_sure, false)
        and occasion_id not in (select occasion_id from returns)
        and (
            bought_on >= last_day() - 1
            or (bought_on <= last_day() - 4 and draw(person_id, 'after purchase') < 0.5)
        )
    qualify row_number() over (partition by person_id order by bought_on desc, occasion_id desc) = 1

),

places as (

    select
        chosen.person_id,
        cell_no,
        if(cell_no = 1, draw(chosen.person_id, 'stage one'), draw(chosen.person_id, 'stage two')) as stage_draw
    from chosen
    cross join range(1, 3) as cells (cell_no)
    left join from_purchases on chosen.person_id = from_purchases.person_id
    where (cell_no = 1 and from_purchases.person_id is null) or (cell_no = 2 and chosen.has_second)

),

wanted as (

    select
        person_id,
        cell_no,
        case
            when stage_draw < 0.28 then 'explore'
            when stage_draw < 0.56 then 'inform'
            when stage_draw < 0.80 then 'intent'
            else 'dormant'
        end as stage
    from places

),

free as (

    -- a category in which nothing was bought lately; for people with a preference rather one that
    -- has products of it
    select
        wanted.person_id,
        wanted.cell_no,
        wanted.stage,
        category_numbers.category_no,
        draw(chosen.person_id * 10 + category_numbers.category_no, 'stage category')
        - if(view_pools.pool_no is null, 0, 0.5)
        - if(category_numbers.category_no = chosen.favourite_category_no, 0.3, 0) as rank
    from wanted
    inner join chosen on wanted.person_id = chosen.person_id
    cross join category_numbers
    left join bought on wanted.person_id = bought.person_id and category_numbers.category_no = bought.category_no
    left join view_pools
        on category_numbers.category_no = view_pools.category_no and chosen.preference_no = view_pools.preference_no
    where
        bought.bought_on is null
        or (wanted.stage != 'dormant' and bought.bought_on < last_day() - 75)

),

first_cells as (

    select * exclude (rank)
    from free
    where cell_no = 1
    qualify row_number() over (partition by person_id order by rank, category_no) = 1

),

second_cells as (

    select free.* exclude (rank)
    from free
    left join first_cells on free.person_id = first_cells.person_id and free.category_no = first_cells.category_no
    left join from_purchases on free.person_id = from_purchases.person_id and free.category_no = from_purchases.category_no
    where free.cell_no = 2 and first_cells.person_id is null and from_purchases.person_id is null
    qualify row_number() over (partition by free.person_id order by free.rank, free.category_no) = 1

)

select person_id, category_no, stage, 1 as cell_no, occasion_id, bought_on as ended_on
from from_purchases

union all

select
    person_id,
    category_no,
    stage,
    cell_no,
    null,
    if(stage = 'dormant', last_day() - 70 - pick(person_id * 2 + cell_no, 'dormant since', 41), last_day())
from (select * from first_cells union all select * from second_cells)
-- a short demo has no room for a journey that ended long ago
where stage != 'dormant' or day_count() > 125;

create table web_purchases as
with bought as (

    select
        occasions.occasion_id,
        occasions.person_id,
        occasions.bought_at,
        occasions.bought_on,
        occasions.platform,
        occasions.is_guest,
        occasions.campaign_id,
        category_numbers.category_no,
        browsers.preference_no,
        draw(occasions.occasion_id, 'way to purchase') as path_draw
    from occasions
    inner join browsers on occasions.person_id = browsers.person_id
    inner join category_numbers on occasions.category = category_numbers.category
    where occasions.channel = 'web'

)

select
    bought.*,
    lines.product_no
from bought
left join lines on bought.occasion_id = lines.occasion_id and lines.line_number = 1;

create table journeys as
with purchase_counts as (

    select
        person_id,
        count(*) as purchase_count
    from web_purchases
    group by person_id

),

bounds as (

    select
        path,
        kind,
        sum(weight) over (partition by kind order by path) - weight as low,
        if(path = max(path) over (partition by kind), 2, sum(weight) over (partition by kind order by path)) as high
    from paths
    where weight > 0

),

-- who buys much looks much, and looks often in vain
vain as (

    select
        browsers.person_id,
        browsers.favourite_category_no,
        browsers.preference_no,
        browsers.is_gap,
        coalesce(browsers.left_on, last_day() + 1) as until_on,
        unnest(range(cast(least(60, floor(
            day_count() / 365.0
            * browsers.activity * (1.2 + 0.9 * coalesce(purchase_counts.purchase_count, 0) + if(browsers.is_gap, 2.5, 0))
            + draw(browsers.person_id, 'vain journeys')
        )) as integer))) as number
    from browsers
    left join purchase_counts on browsers.person_id = purchase_counts.person_id

),

pool_counts as (

    select
        preference_no,
        list(category_no order by category_no) as category_nos
    from view_pools
    where preference_no is not null
    group by preference_no

),

placed as (

    select
        vain.person_id * 100 + vain.number as vain_key,
        vain.person_id,
        first_day() + pick(vain.person_id * 100 + vain.number, 'vain day', day_count()) as ended_on,
        vain.until_on,
        vain.preference_no,
        cast(case
            -- half of what people with a preference look at is where it can be met
            when
                pool_counts.preference_no is not null
                and draw(vain.person_id * 100 + vain.number, 'vain preference') < if(vain.is_gap, 0.85, 0.5)
                then one_of(vain.person_id * 100 + vain.number, 'vain pool', pool_counts.category_nos)
            when
                vain.favourite_category_no is not null
                and draw(vain.person_id * 100 + vain.number, 'vain favourite') < 0.5
                then vain.favourite_category_no
            else pick(vain.person_id * 100 + vain.number, 'vain category', 8)
        end as tinyint) as category_no,
        draw(vain.person_id * 100 + vain.number, 'vain way') as path_draw
    from vain
    left join pool_counts on vain.preference_no = pool_counts.preference_no

),

undisturbed as (

    -- where a stage is planted nothing else may speak
    select placed.*
    from placed
    left join stage_cells on placed.person_id = stage_cells.person_id and placed.category_no = stage_cells.category_no
    where
        placed.ended_on < placed.until_on
        and (
            stage_cells.person_id is null
            or placed.ended_on < last_day() - if(stage_cells.stage = 'dormant', 130, 65)
        )

),

together as (

    select
        web_purchases.occasion_id * 10 + 1 as journey_id,
        web_purchases.person_id,
        web_purchases.category_no,
        'bought' as kind,
        bounds.path,
        web_purchases.bought_on as ended_on,
        web_purchases.bought_at as ended_at,
        web_purchases.occasion_id,
        web_purchases.is_guest,
        web_purchases.platform,
        web_purchases.campaign_id,
        web_purchases.product_no,
        web_purchases.preference_no
    from web_purchases
    inner join bounds
        on bounds.kind = 'bought' and web_purchases.path_draw >= bounds.low and web_purchases.path_draw < bounds.high

    union all

    select
        undisturbed.vain_key * 10 + 2,
        undisturbed.person_id,
        undisturbed.category_no,
        'abandoned',
        bounds.path,
        undisturbed.ended_on,
        null,
        null,
        false,
        null,
        null,
        null,
        undisturbed.preference_no
    from undisturbed
    inner join bounds
        on
            bounds.kind = 'abandoned'
            and undisturbed.path_draw >= bounds.low
            and undisturbed.path_draw < bounds.high

    union all

    select
        (stage_cells.person_id * 2 + stage_cells.cell_no - 1) * 10 + 3,
        stage_cells.person_id,
        stage_cells.category_no,
        'planted',
        case stage_cells.stage
            when 'explore' then 21
            when 'inform' then 22
            when 'intent' then 23
            when 'dormant' then 24
            else 25
        end,
        if(stage_cells.stage = 'dormant', stage_cells.ended_on, last_day()),
        null,
        null,
        false,
        null,
        null,
        web_purchases.product_no,
        browsers.preference_no
    from stage_cells
    inner join browsers on stage_cells.person_id = browsers.person_id
    left join web_purchases on stage_cells.occasion_id = web_purchases.occasion_id
    -- a purchase of yesterday or today needs nothing more
    where stage_cells.stage != 'purchase'

)

select
    together.journey_id,
    cast(together.person_id as integer) as person_id,
    together.category_no,
    together.kind,
    cast(together.path as tinyint) as path,
    together.ended_on,
    together.ended_at,
    together.occasion_id,
    together.is_guest,
    together.platform,
    together.campaign_id,
    cast(together.product_no as smallint) as product_no,
    view_pools.pool_no
from together
left join view_pools
    on together.category_no = view_pools.category_no and together.preference_no = view_pools.preference_no;

drop table web_purchases;
