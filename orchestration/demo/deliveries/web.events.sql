-- Events of the visits that land on these days, and of those that landed the day before and come
-- again. Of the event types 0.3 % are new ones that nobody has mapped to a stage.
with visits as (

    select *
    from sessions
    where landed_on between getvariable('since') and getvariable('day')

    union all

    select * replace (landed_on + 1 as landed_on)
    from sessions
    where is_redelivered and landed_on between getvariable('since') - 1 and getvariable('day') - 1

    -- the events keep the order of their visits
    order by landed_on, session_id

),

-- what all events of a visit share is found once
described as (

    select
        visits.landed_on,
        visits.session_id,
        'E' || cast(visits.session_id as varchar) || '-' as event_id_start,
        visits.started_at + to_days(cast(visits.clock_days as integer)) as started_at,
        visits.gap_seconds,
        visits.event_count,
        visits.login_at,
        device_id(visits.device_key) as device_id,
        visits.device_key > 3000000000000 as is_kiosk,
        case visits.account
            when 1 then 'A' || cast(visits.person_id as varchar)
            when 2 then 'B' || cast(visits.person_id as varchar)
        end as account_id,
        visits.platform,
        visits.referrer,
        visits.campaign_id,
        scripts.script_no,
        scripts.is_about_order,
        -- a cart or an order is about one product
        visits.script = 'cart' or scripts.is_about_order as is_about_one,
        visits.product_no,
        category_numbers.category,
        cast(own_pools.pool_no as integer) * 1000 as own_places,
        own_pools.product_count as own_count,
        cast(all_pools.pool_no as integer) * 1000 as all_places,
        all_pools.product_count as all_count
    from visits
    inner join scripts on visits.script = scripts.script
    left join category_numbers on visits.category_no = category_numbers.category_no
    left join view_pools as own_pools on visits.pool_no = own_pools.pool_no
    left join view_pools as all_pools on 1000 + visits.category_no = all_pools.pool_no

),

numbered as (

    select
        described.*,
        unnest(range(event_count)) as number
    from described

),

keyed as (

    select
        *,
        session_id * 512 + number as event_key,
        -- the login stands between the pages
        number - if(number > login_at, 1, 0) as place,
        -- views and reviews of one product follow each other
        session_id * 512 + if(is_about_one, 511, (number - if(number > login_at, 1, 0)) // 2) as product_key
    from numbered

),

typed as (

    select
        keyed.*,
        case
            when keyed.number = keyed.login_at then 'login'
            when keyed.is_kiosk and keyed.number = keyed.event_count - 1 then 'logout'
            when not keyed.is_about_order and draw(keyed.event_key, 'unmapped type') < 0.004
                then if(draw(keyed.event_key, 'which unmapped') < 0.7, 'scroll_depth', 'ar_preview')
        end as other_type,
        script_events.event_type,
        script_events.is_about_product,
        keyed.product_no is not null
        and (keyed.is_about_order or draw(keyed.product_key, 'the product') < 0.6) as is_decided,
        keyed.own_places is not null and draw(keyed.product_key, 'by preference') < 0.65 as is_preferred,
        power(draw(keyed.product_key, 'which product'), 1.3) as place_draw
    from keyed
    inner join script_events
        on
            keyed.script_no * 20 + 4 * least(keyed.place, 4) + pick(keyed.event_key, 'event type', 4)
            = script_events.choice_key

),

pointed as (

    select
        typed.*,
        if(typed.is_decided, typed.product_no, view_places.product_no) as shown_no
    from typed
    left join view_places
        on
            if(typed.is_preferred, typed.own_places, typed.all_places)
            + cast(floor(if(typed.is_preferred, typed.own_count, typed.all_count) * typed.place_draw) as integer)
            = view_places.place_key

)

select
    pointed.event_id_start || cast(pointed.number as varchar) as event_id,
    pointed.started_at
    + to_seconds(
        pointed.number * pointed.gap_seconds + pick(pointed.event_key, 'page seconds', pointed.gap_seconds)
    ) as event_at,
    pointed.device_id,
    if(pointed.number < pointed.login_at, null, pointed.account_id) as account_id,
    pointed.platform,
    coalesce(pointed.other_type, pointed.event_type) as event_type,
    if(pointed.other_type is null and pointed.is_about_product, products.product_id, null) as product_id,
    if(
        pointed.other_type in ('login', 'logout') or (pointed.other_type is null and pointed.event_type = 'home'),
        null, pointed.category
    ) as category,
    case
        when pointed.other_type is null and pointed.event_type = 'search'
            then
                case pick(pointed.event_key, 'search words', 4)
                    when 0 then products.color || ' ' || products.subcategory
                    when 1 then products.brand || ' ' || products.subcategory
                    when 2 then products.subcategory || if(draw(pointed.event_key, 'search adds') < 0.3, ' sale', '')
                    else products.subcategory
                end
    end as search_term,
    pointed.referrer as referrer_channel,
    pointed.campaign_id,
    pointed.landed_on
from pointed
left join products on pointed.shown_no = products.product_no
