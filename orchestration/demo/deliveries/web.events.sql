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

),

numbered as (

    select
        visits.*,
        unnest(range(visits.event_count)) as number
    from visits

),

keyed as (

    select
        *,
        session_id * 512 + number as event_key,
        -- the login stands between the pages
        number - if(login_at is not null and number > login_at, 1, 0) as place
    from numbered

),

typed as (

    select
        keyed.*,
        case
            when keyed.number = keyed.login_at then 'login'
            when keyed.device_key > 3000000000000 and keyed.number = keyed.event_count - 1 then 'logout'
            when keyed.script not in ('checkout', 'buy', 'after') and draw(keyed.event_key, 'unmapped type') < 0.004
                then if(draw(keyed.event_key, 'which unmapped') < 0.7, 'scroll_depth', 'ar_preview')
            else script_events.event_type
        end as event_type,
        -- views and reviews of one product follow each other; a cart or an order is about one
        case
            when keyed.script in ('cart', 'checkout', 'buy', 'after') then keyed.session_id * 512 + 511
            else keyed.session_id * 512 + keyed.place // 2
        end as product_key
    from keyed
    inner join script_events
        on
            keyed.script = script_events.script
            and 4 * least(keyed.place, 4) + pick(keyed.event_key, 'event type', 4) = script_events.choice_no

),

pooled as (

    select
        *,
        event_type in ('home', 'login', 'logout') as is_nowhere,
        event_type in (
            'home', 'login', 'logout', 'inspiration_view', 'video_play', 'category_view', 'view_cart',
            'coupon_lookup', 'scroll_depth', 'ar_preview'
        ) as is_general,
        product_no is not null
        and (script in ('checkout', 'buy', 'after') or draw(product_key, 'the product') < 0.6) as is_decided,
        case when pool_no is not null and draw(product_key, 'by preference') < 0.65
            then pool_no else 1000 + category_no end as shown_pool_no
    from typed

),

pointed as (

    select
        pooled.*,
        category_numbers.category,
        if(pooled.is_decided, pooled.product_no, view_places.product_no) as shown_no
    from pooled
    left join category_numbers on pooled.category_no = category_numbers.category_no
    left join view_pools on pooled.shown_pool_no = view_pools.pool_no
    left join view_places
        on
            pooled.shown_pool_no * 1000
            + cast(floor(view_pools.product_count * power(draw(pooled.product_key, 'which product'), 1.3)) as integer)
            = view_places.place_key

)

select
    'E' || cast(pointed.session_id as varchar) || '-' || cast(pointed.number as varchar) as event_id,
    pointed.started_at
    + to_seconds(cast(
        pointed.number * pointed.gap_seconds
        + pick(pointed.event_key, 'page seconds', pointed.gap_seconds) + pointed.clock_days * 86400 as bigint
    )) as event_at,
    device_id(pointed.device_key) as device_id,
    case
        when pointed.account = 0 or pointed.number < pointed.login_at then null
        else if(pointed.account = 1, 'A', 'B') || lpad(cast(pointed.person_id as varchar), 7, '0')
    end as account_id,
    pointed.platform,
    pointed.event_type,
    if(
        pointed.is_general or pointed.event_type = 'search',
        null, 'R' || lpad(cast(pointed.shown_no as varchar), 4, '0')
    ) as product_id,
    if(pointed.is_nowhere, null, pointed.category) as category,
    case
        when pointed.event_type = 'search'
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
order by pointed.session_id, pointed.number, pointed.landed_on;
