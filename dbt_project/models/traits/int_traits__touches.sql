{{ config(
    materialized=kept_by_content(),
    incremental_strategy='delete+insert',
    unique_key='_version',
    on_schema_change='fail',
    post_hook="delete from {{ this }} where channel is null"
) }}

with versions as (

    select
        customer_id,
        month,
        standing,
        {{ version_of_version(['_month_version']) }} as _version
    from {{ ref('int_traits__contacts') }}

),

changed as (

    {{ changed_units('versions', ['customer_id', 'month', 'standing']) }}

),

contacts as (

    select contacts.*
    from {{ ref('int_traits__contacts') }} as contacts
    semi join changed
        on contacts.customer_id = changed.customer_id and contacts.month = changed.month

),

moments as (

    select
        changes.customer_id,
        changed.month,
        changes.changed_at as happened_at,
        changes.step
    from {{ ref('int_traits__path_changes') }} as changes
    inner join changed
        on
            changes.customer_id = changed.customer_id
            and cast(date_trunc('month', changes.changed_at) as date) = changed.month
    union all
    -- what was so before the month began
    select
        customer_id,
        month,
        {{ seconds_later('cast(month as timestamp)', -1) }} as happened_at,
        standing as step
    from changed
    where standing is not null

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
        {{ stage_of_standing('standing') }} as stage,
        cast(null as string) as direction,
        cast(null as string) as channel,
        cast(0 as bigint) as touch_count,
        cast(0 as bigint) as response_count,
        false as tells_hour,
        false as is_browsing,
        cast(null as string) as time_zone
    from running
    union all
    select
        customer_id,
        month,
        hour_at as happened_at,
        cast(null as string) as stage,
        direction,
        channel,
        touch_count,
        response_count,
        tells_hour,
        is_browsing,
        time_zone
    from contacts

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
        numbered.time_zone,
        max(numbered.stage) over (
            partition by numbered.customer_id, numbered.month, numbered.stage_number
        ) as stage
    from numbered

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
