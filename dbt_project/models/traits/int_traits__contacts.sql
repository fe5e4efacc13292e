{{ config(
    materialized=kept_by_content(),
    incremental_strategy='delete+insert',
    unique_key='_version',
    on_schema_change='fail',
    post_hook="delete from {{ this }} where channel is null"
) }}

with customers as (

    select
        customer_id,
        country,
        region,
        postcode_area
    from {{ ref('customers') }}

),

time_zones as (

    select
        country,
        region,
        area_from,
        area_to,
        time_zone
    from {{ ref('time_zones') }}

),

places as (

    select distinct
        coalesce(country, '{{ default_country() }}') as country,
        region,
        postcode_area
    from customers

),

place_zones as (

    -- the zone of the area, else of the region, else of the country, else the shop's own
    select
        places.country,
        places.region,
        places.postcode_area,
        coalesce(
            max(case when time_zones.area_from is not null then time_zones.time_zone end),
            max(case when time_zones.region is not null then time_zones.time_zone end),
            max(time_zones.time_zone),
            '{{ reporting_timezone() }}'
        ) as time_zone
    from places
    left join time_zones
        on
            places.country = time_zones.country
            and coalesce(places.region = time_zones.region, time_zones.region is null)
            and coalesce(
                places.postcode_area between time_zones.area_from and time_zones.area_to,
                time_zones.area_from is null
            )
    group by places.country, places.region, places.postcode_area

),

zoned as (

    select
        customers.customer_id,
        place_zones.time_zone
    from customers
    inner join place_zones
        on
            coalesce(customers.country, '{{ default_country() }}') = place_zones.country
            and customers.region is not distinct from place_zones.region
            and customers.postcode_area is not distinct from place_zones.postcode_area

),

facts as (

    {{ versions_of_customers(
        ref('int_traits__customer_contents'), ['browsing', 'purchases', 'messages', 'inquiries']
    ) }}

),

paths as (

    select
        customer_id,
        sum(cast(_version as decimal(38, 0))) as content
    from {{ ref('int_traits__path_changes') }}
    group by customer_id

),

versions as (

    select
        facts.customer_id,
        {{ version_of_version(['facts._version', 'paths.content', 'zoned.time_zone']) }}
            as _version
    from facts
    inner join zoned on facts.customer_id = zoned.customer_id
    left join paths on facts.customer_id = paths.customer_id

),

changed as (

    {{ changed_units('versions') }}

),

visits as (

    select
        customer_id,
        case
            when platform = 'app' then 'app'
            when referrer_channel in ('email', 'sms', 'social') then referrer_channel
            else 'web'
        end as channel,
        hour_at,
        -- one page is no visit, unless it is one of a purchase
        sum(event_count) > 1
        or bool_or(coalesce(stage in ('intent', 'purchase'), false)) as is_engaged,
        bool_or(coalesce(stage = 'purchase', false)) as has_purchase
    from {{ ref('int_traits__browsing') }}
    where customer_id in (select changed.customer_id from changed)
    group by all

),

bought as (

    select
        customer_id,
        channel,
        cast(date_trunc('hour', purchased_at) as timestamp) as hour_at
    from {{ ref('purchases') }}
    where customer_id in (select changed.customer_id from changed)

),

ordering_visits as (

    select
        customer_id,
        hour_at
    from visits
    where has_purchase

),

purchases as (

    -- what was ordered in a visit is told by the visit
    select
        customer_id,
        channel,
        hour_at
    from bought
    where channel = 'store'
    union all
    select
        bought.customer_id,
        bought.channel,
        bought.hour_at
    from bought
    anti join ordering_visits
        on
            bought.customer_id = ordering_visits.customer_id
            and bought.hour_at = ordering_visits.hour_at
    where bought.channel <> 'store'

),

came as (

    select
        customer_id,
        channel,
        hour_at,
        -- when an order is placed is no habit of looking around
        not has_purchase as tells_hour,
        true as is_browsing
    from visits
    where is_engaged
    union all
    select
        customer_id,
        channel,
        hour_at,
        false as tells_hour,
        false as is_browsing
    from purchases
    union all
    select
        customer_id,
        channel,
        hour_at,
        is_social_act as tells_hour,
        false as is_browsing
    from {{ ref('int_traits__inquiries') }}
    where customer_id in (select changed.customer_id from changed)

),

contacts as (

    select
        customer_id,
        'inbound' as direction,
        channel,
        hour_at,
        cast(1 as bigint) as touch_count,
        cast(0 as bigint) as response_count,
        bool_or(tells_hour) as tells_hour,
        bool_or(is_browsing) as is_browsing
    from came
    group by customer_id, channel, hour_at
    union all
    select
        customer_id,
        'outbound' as direction,
        channel,
        hour_at,
        cast(sum(delivered_count) as bigint) as touch_count,
        cast(sum(responded_count) as bigint) as response_count,
        sum(responded_count) > 0 as tells_hour,
        false as is_browsing
    from {{ ref('int_traits__messages') }}
    where customer_id in (select changed.customer_id from changed)
    group by customer_id, channel, hour_at

),

dated as (

    select
        customer_id,
        cast(date_trunc('month', hour_at) as date) as month,
        cast(null as bigint) as step,
        {{ row_hash(
            ['direction', 'channel', 'hour_at', 'touch_count', 'response_count', 'tells_hour',
             'is_browsing']
        ) }} as content
    from contacts
    union all
    select
        customer_id,
        cast(date_trunc('month', changed_at) as date) as month,
        step,
        {{ row_hash(['changed_at', 'step']) }} as content
    from {{ ref('int_traits__path_changes') }}
    where customer_id in (select changed.customer_id from changed)

),

months as (

    -- what is told of a month hangs on the stages in which it finds the customer, and on the month
    select
        customer_id,
        month,
        count(*) as fact_count,
        sum(cast(content as decimal(38, 0))) as content,
        cast(sum(sum(step)) over (
            partition by customer_id order by month
            rows between unbounded preceding and 1 preceding
        ) as bigint) as standing
    from dated
    group by customer_id, month

)

select
    -- ids
    changed.customer_id,

    -- properties
    contacts.channel,
    contacts.direction,
    zoned.time_zone,
    contacts.tells_hour,
    contacts.is_browsing,

    -- timestamps
    contacts.hour_at,
    months.month,

    -- measures
    contacts.touch_count,
    contacts.response_count,
    months.standing,

    -- lineage
    {{ row_hash([
        'changed.customer_id', 'months.month', 'months.standing', 'months.fact_count',
        'months.content', 'zoned.time_zone',
    ]) }} as _month_version,
    changed._version
from changed
left join zoned on changed.customer_id = zoned.customer_id
left join contacts on changed.customer_id = contacts.customer_id
left join months
    on
        contacts.customer_id = months.customer_id
        and cast(date_trunc('month', contacts.hour_at) as date) = months.month
