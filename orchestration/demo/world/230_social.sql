-- What people do on social networks: those who love them six to twenty times a year, others with a
-- known handle hardly ever, and strangers whose handles nobody knows.
--
-- social_acts(act_id, person_id, stranger_no, handle, email, network, kind, acted_at, landed_on,
--          product_no, is_redelivered): email is shown by few; person_id is null for strangers, stranger_no for the others.

create table social_acts as
with actors as (

    select
        identities.person_id,
        identities.handle,
        people.email,
        behaviours.favourite_channel is not distinct from 'social' as is_lover,
        behaviours.favourite_daypart,
        behaviours.left_on,
        behaviours.favourite_category,
        people.time_zone
    from identities
    inner join behaviours on identities.person_id = behaviours.person_id
    inner join people on identities.person_id = people.person_id
    where identities.handle is not null

),

numbered as (

    select
        *,
        unnest(range(cast(floor(
            day_count() / 365.0
            * if(is_lover, 6 + 15 * draw(person_id, 'social acts'), 1.2 * draw(person_id, 'social acts'))
            + draw(person_id, 'one more social act')
        ) as integer))) as number
    from actors

),

known as (

    select
        person_id * 1000 + number as act_id,
        person_id,
        cast(null as bigint) as stranger_no,
        handle,
        if(draw(person_id * 1000 + number, 'shows email') < 0.15, email, null) as email,
        -- most are at home on one network
        one_of(
            if(draw(person_id * 1000 + number, 'other network') < 0.2, person_id * 1000 + number, person_id * 1000),
            'network', ['instagram', 'facebook', 'x', 'tiktok']
        ) as network,
        first_day() + pick(person_id * 1000 + number, 'social day', day_count()) as acted_on,
        day_seconds(person_id * 1000 + number, 'social at', favourite_daypart) as day_second,
        favourite_category,
        time_zone,
        left_on
    from numbered

),

strangers as (

    -- as many as one in twenty people does something once or twice
    select
        cast(5000000000000 as bigint) + number,
        cast(null as bigint),
        if(draw(number, 'stranger again') < 0.3, number // 2 * 2, number),
        '@guest.' || lower(hex(hash(hash(if(draw(number, 'stranger again') < 0.3, number // 2 * 2, number), 'handle', seed())))),
        null,
        one_of(number, 'stranger network', ['instagram', 'facebook', 'x', 'tiktok']),
        first_day() + pick(number, 'stranger social day', day_count()),
        day_seconds(number, 'stranger social at', null),
        null,
        'America/New_York',
        null
    from range(cast(ceil(people_count() * day_count() / 7300.0) as bigint)) as numbers (number)

),

together as (

    select * from known
    union all
    select * from strangers

),

timed as (

    select
        together.*,
        cast(together.acted_on as timestamp) + to_seconds(cast(
            together.day_second + 3600 * if(together.day_second < 10800, utc_offsets.early_hours, utc_offsets.late_hours)
            as bigint
        )) as acted_at,
        draw(together.act_id, 'social kind') as kind_draw
    from together
    inner join utc_offsets on together.time_zone = utc_offsets.time_zone and together.acted_on = utc_offsets.local_date
    where together.left_on is null or together.acted_on < together.left_on

),

dated as (

    select
        timed.*,
        cast(timed.acted_at - to_hours(shop_hours.hours) as date) as day_on
    from timed
    inner join shop_hours on cast(timed.acted_at as date) = shop_hours.utc_date

)

select
    dated.act_id,
    cast(dated.person_id as integer) as person_id,
    dated.stranger_no,
    dated.handle,
    dated.email,
    dated.network,
    case
        when dated.kind_draw < 0.22 then 'mention'
        when dated.kind_draw < 0.36 then 'message'
        when dated.kind_draw < 0.50 then 'reply'
        when dated.kind_draw < 0.80 then 'like'
        when dated.kind_draw < 0.85 then 'follow'
        else 'video_view'
    end as kind,
    dated.acted_at,
    -- one in fifty comes late
    dated.day_on + if(draw(dated.act_id, 'social late') < 0.02, 1 + pick(dated.act_id, 'social how late', 3), 0) as landed_on,
    case
        when dated.kind_draw not between 0.80 and 0.85 and draw(dated.act_id, 'social about') < 0.4
            then pools.product_no
    end as product_no,
    draw(dated.act_id, 'social again') < 0.005 as is_redelivered
from dated
left join category_numbers on pick(dated.act_id, 'social category', 8) = category_numbers.category_no
left join pools
    on
        if(
            dated.favourite_category is not null and draw(dated.act_id, 'social favourite') < 0.5,
            dated.favourite_category, category_numbers.category
        ) = pools.category
        and pools.dimension = 'any'
        and pools.place = pick(dated.act_id, 'social product', 80)
where dated.day_on <= last_day()
order by landed_on, act_id;
