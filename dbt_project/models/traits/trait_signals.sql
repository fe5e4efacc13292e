{%- set window_start = as_of_end() ~ " - interval '" ~ var("signal_window_days") ~ "' day" -%}

with customers as (

    select
        customer_id,
        postcode_area,
        can_personalise
    from {{ ref('customers') }}

),

devices as (

    select
        customer_id,
        count(distinct device_id) as device_count,
        bool_or(platform = 'app') as has_app,
        bool_or(platform = 'web') as has_web
    from {{ ref('int_traits__browsing') }}
    group by customer_id

),

habits as (

    select
        customer_id,
        count(distinct hour_at) as visit_count,
        sum(video_count) as video_count
    from {{ ref('int_traits__browsing') }}
    where hour_at >= {{ window_start }}
    group by customer_id

),

dayparts as (

    select
        customer_id,
        daypart,
        count(*) as visit_count,
        sum(count(*)) over (partition by customer_id) as customer_visit_count
    from {{ ref('int_traits__touches') }}
    where is_browsing and daypart is not null and hour_at >= {{ window_start }}
    group by customer_id, daypart

),

usual_dayparts as (

    select
        customer_id,
        daypart
    from dayparts
    where customer_visit_count >= {{ var("signal_medium_visits") }}
    qualify row_number() over (partition by customer_id order by visit_count desc, daypart asc) = 1

),

areas as (

    -- the latest figures known on the run's day
    select
        postcode_area,
        as_of_date,
        source,
        median_income_amount
    from {{ ref('stg_enrichment__areas') }}
    where as_of_date <= {{ as_of() }} and median_income_amount is not null
    qualify row_number() over (partition by postcode_area order by as_of_date desc) = 1

),

ranked_areas as (

    select
        postcode_area,
        as_of_date,
        source,
        percent_rank() over (order by median_income_amount) as place
    from areas

),

cells as (

    -- an area with few customers would tell on them
    select postcode_area
    from customers
    where postcode_area is not null
    group by postcode_area
    having count(*) >= {{ var("min_cell_size") }}

),

area_bands as (

    select
        ranked_areas.postcode_area,
        ranked_areas.as_of_date,
        ranked_areas.source,
        case
            when ranked_areas.place < 1.0 / 3 then 'low'
            when ranked_areas.place < 2.0 / 3 then 'middle'
            else 'high'
        end as income_band
    from ranked_areas
    inner join cells on ranked_areas.postcode_area = cells.postcode_area

),

consenting as (

    select
        customer_id,
        postcode_area
    from customers
    where can_personalise

)

select
    -- ids
    customers.customer_id,

    -- properties
    customers.can_personalise,
    case
        when not customers.can_personalise then 'no_consent'
        when devices.customer_id is null then 'not_seen'
    end as withheld_reason,
    case
        when devices.customer_id is null then null
        when coalesce(habits.visit_count, 0) = 0 then 'none'
        when habits.visit_count < {{ var("signal_medium_visits") }} then 'light'
        when habits.visit_count < {{ var("signal_heavy_visits") }} then 'medium'
        else 'heavy'
    end as browsing_intensity,
    case
        when devices.has_app and devices.has_web then 'app_and_web'
        when devices.has_app then 'app'
        when devices.has_web then 'web'
    end as device_mix,
    usual_dayparts.daypart as visit_daypart,
    area_bands.income_band as area_median_income_band,
    area_bands.source as enrichment_source,

    -- dates
    area_bands.as_of_date as enrichment_as_of,

    -- measures
    cast(
        case when devices.customer_id is not null then coalesce(habits.visit_count, 0) end as bigint
    ) as visit_count,
    cast(
        case when devices.customer_id is not null then coalesce(habits.video_count, 0) end as bigint
    ) as video_count,
    cast(devices.device_count as bigint) as device_count
from customers
left join consenting on customers.customer_id = consenting.customer_id
left join devices on consenting.customer_id = devices.customer_id
left join habits on consenting.customer_id = habits.customer_id
left join usual_dayparts on consenting.customer_id = usual_dayparts.customer_id
left join area_bands on consenting.postcode_area = area_bands.postcode_area
