{{ config(
    materialized=kept_by_content(),
    incremental_strategy='delete+insert',
    unique_key='_version',
    on_schema_change='fail',
    post_hook="delete from {{ this }} where channel is null"
) }}

{#- How many of a customer's categories stand in each stage, in one number: four digits a stage, the
stage furthest along first, and what is looked for before what was bought. -#}
{%- set ones = {
    'intent': '10000000000000000', 'inform': '1000000000000', 'explore': '100000000',
    'purchase': '10000', 'after_purchase': '1',
} %}

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

customer_records as (

    select
        customer_id,
        source_record_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

contact_points as (

    select
        kind,
        match_value,
        customer_id
    from {{ ref('int_customers__contact_points') }}

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
    group by all

),

bought as (

    select
        customer_id,
        channel,
        cast(date_trunc('hour', purchased_at) as timestamp) as hour_at
    from {{ ref('purchases') }}
    where customer_id is not null

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

social_acts as (

    select
        handle_match,
        email_match,
        interacted_at
    from {{ ref('stg_social__interactions') }}
    where interacted_at < {{ as_of_end() }}

),

handles as (

    -- whose a handle is, is known once it shows an address
    select
        social_acts.handle_match,
        min(contact_points.customer_id) as customer_id
    from social_acts
    inner join contact_points
        on contact_points.kind = 'email' and social_acts.email_match = contact_points.match_value
    where social_acts.handle_match is not null
    group by social_acts.handle_match
    having min(contact_points.customer_id) = max(contact_points.customer_id)

),

tickets as (

    select
        coalesce(customer_records.customer_id, emails.customer_id, phones.customer_id)
            as customer_id,
        tickets.channel,
        cast(date_trunc('hour', tickets.created_at) as timestamp) as hour_at
    from {{ ref('stg_helpdesk__tickets') }} as tickets
    left join customer_records on tickets.account_id = customer_records.source_record_id
    left join contact_points as emails
        on emails.kind = 'email' and tickets.requester_email_match = emails.match_value
    left join contact_points as phones
        on phones.kind = 'phone' and tickets.requester_phone_match = phones.match_value
    where tickets.created_at < {{ as_of_end() }} and not tickets.is_spam_or_deleted

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
        handles.customer_id,
        'social' as channel,
        cast(date_trunc('hour', social_acts.interacted_at) as timestamp) as hour_at,
        true as tells_hour,
        false as is_browsing
    from social_acts
    inner join handles on social_acts.handle_match = handles.handle_match
    union all
    select
        customer_id,
        channel,
        hour_at,
        false as tells_hour,
        false as is_browsing
    from tickets
    where customer_id is not null and channel is not null

),

touches as (

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
    group by customer_id, channel, hour_at

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

steps as (

    -- in one category the customer leaves a stage and enters another
    select
        customer_id,
        changed_at,
        {%- for column in ['to_stage', 'from_stage'] %}
            cast(case {{ column }}
                {%- for stage, one in ones.items() %}
                    when '{{ stage }}' then {{ one }}
                {%- endfor %}
                else 0
            end as bigint) {{ '-' if loop.first else 'as step' }}
        {%- endfor %}
    from {{ ref('int_traits__path_changes') }}

),

facts as (

    select
        customer_id,
        cast(date_trunc('month', hour_at) as date) as month,
        true as is_touch,
        0 as step,
        {{ row_hash(
            ['direction', 'channel', 'hour_at', 'touch_count', 'response_count', 'tells_hour',
             'is_browsing']
        ) }} as content
    from touches
    union all
    select
        customer_id,
        cast(date_trunc('month', changed_at) as date) as month,
        false as is_touch,
        step,
        {{ row_hash(['changed_at', 'step']) }} as content
    from steps

),

months as (

    -- a month's touches hang on the month, and on the stages in which it finds the customer
    select
        customer_id,
        month,
        bool_or(is_touch) as is_touched,
        count(*) as fact_count,
        sum(cast(content as decimal(38, 0))) as content,
        sum(count_if(not is_touch)) over before_it > 0 as has_path,
        cast(sum(sum(step)) over before_it as bigint) as standing
    from facts
    group by customer_id, month
    window before_it as (
        partition by customer_id order by month
        rows between unbounded preceding and 1 preceding
    )

),

versions as (

    select
        months.customer_id,
        months.month,
        months.has_path,
        months.standing,
        {{ version_of_rows(
            ['months.customer_id', 'months.month', 'months.has_path', 'months.standing',
             'zoned.time_zone'],
            ['months.fact_count', 'months.content']
        ) }} as _version
    from months
    inner join zoned on months.customer_id = zoned.customer_id
    where months.is_touched
    group by
        months.customer_id, months.month, months.has_path, months.standing, zoned.time_zone

),

changed as (

    {{ changed_units('versions', ['customer_id', 'month', 'has_path', 'standing']) }}

),

moments as (

    select
        steps.customer_id,
        changed.month,
        steps.changed_at as happened_at,
        steps.step
    from steps
    inner join changed
        on
            steps.customer_id = changed.customer_id
            and cast(date_trunc('month', steps.changed_at) as date) = changed.month
    union all
    -- what was so before the month began
    select
        customer_id,
        month,
        {{ seconds_later('cast(month as timestamp)', -1) }} as happened_at,
        standing as step
    from changed
    where has_path

),

counted as (

    select
        customer_id,
        month,
        happened_at,
        sum(step) as step
    from moments
    group by customer_id, month, happened_at

),

running as (

    select
        customer_id,
        month,
        happened_at,
        sum(step) over (
            partition by customer_id, month
            order by happened_at
            rows between unbounded preceding and current row
        ) as standing
    from counted

),

timeline as (

    select
        customer_id,
        month,
        happened_at,
        case
            {%- for stage, one in ones.items() %}
                when standing >= {{ one }} then '{{ stage }}'
            {%- endfor %}
            else 'dormant'
        end as stage,
        cast(null as string) as direction,
        cast(null as string) as channel,
        cast(0 as bigint) as touch_count,
        cast(0 as bigint) as response_count,
        false as tells_hour,
        false as is_browsing
    from running
    union all
    select
        touches.customer_id,
        changed.month,
        touches.hour_at as happened_at,
        cast(null as string) as stage,
        touches.direction,
        touches.channel,
        touches.touch_count,
        touches.response_count,
        touches.tells_hour,
        touches.is_browsing
    from touches
    inner join changed
        on
            touches.customer_id = changed.customer_id
            and cast(date_trunc('month', touches.hour_at) as date) = changed.month

),

numbered as (

    -- the stage in which a touch finds the customer, not the one that it brings about
    select
        *,
        count(stage) over (
            partition by customer_id, month
            order by happened_at, case when stage is null then 0 else 1 end, direction, channel
            rows between unbounded preceding and current row
        ) as stage_number
    from timeline

),

staged as (

    select
        numbered.customer_id,
        numbered.month,
        numbered.happened_at,
        cast(numbered.happened_at as date) as happened_on,
        numbered.direction,
        numbered.channel,
        numbered.touch_count,
        numbered.response_count,
        numbered.tells_hour,
        numbered.is_browsing,
        zoned.time_zone,
        max(numbered.stage) over (
            partition by numbered.customer_id, numbered.month, numbered.stage_number
        ) as stage
    from numbered
    inner join zoned on numbered.customer_id = zoned.customer_id

),

zone_days as (

    -- a zone is slow to ask: once a day, at noon
    select
        happened_on,
        time_zone,
        {{ local_hour("happened_on + interval '12' hour", 'time_zone') }} - 12 as offset_hours
    from (
        select distinct
            happened_on,
            time_zone
        from staged
        where tells_hour
    ) as told

),

local_touches as (

    select
        staged.*,
        floor((extract(hour from staged.happened_at) + zone_days.offset_hours + 24) % 24 / 6)
            as quarter_of_day
    from staged
    left join zone_days
        on staged.happened_on = zone_days.happened_on and staged.time_zone = zone_days.time_zone
    where staged.direction is not null

)

select
    -- ids
    changed.customer_id,
    local_touches.channel,

    -- properties
    local_touches.direction,
    local_touches.stage,
    local_touches.is_browsing,
    case
        when not local_touches.tells_hour then null
        when local_touches.quarter_of_day = 0 then 'night'
        when local_touches.quarter_of_day = 1 then 'morning'
        when local_touches.quarter_of_day = 2 then 'afternoon'
        when local_touches.quarter_of_day = 3 then 'evening'
    end as daypart,

    -- timestamps
    local_touches.happened_at as hour_at,

    -- measures
    local_touches.touch_count,
    local_touches.response_count,

    -- lineage
    changed._version
from changed
left join local_touches
    on changed.customer_id = local_touches.customer_id and changed.month = local_touches.month
