with customers as (

    select
        customer_id,
        country,
        region,
        postcode_area,
        age_band
    from {{ ref('customers') }}

),

area_regions as (

    -- only the CRM says the region; an area lies where most of its people say they live
    select
        country,
        postcode_area,
        region
    from customers
    where region is not null and postcode_area is not null
    group by country, postcode_area, region
    qualify
        row_number() over (
            partition by country, postcode_area
            order by count(*) desc, region asc
        ) = 1

)

select
    -- ids
    customers.customer_id,

    -- segments
    coalesce(customers.country, 'unknown') as country,
    coalesce(customers.region, area_regions.region, 'unknown') as region,
    coalesce(customers.age_band, 'unknown') as age_band,
    coalesce(segments.rfm_segment, 'unknown') as rfm_segment
from customers
left join area_regions
    on
        customers.country is not distinct from area_regions.country
        and customers.postcode_area = area_regions.postcode_area
left join {{ ref('customer_segments') }} as segments
    on customers.customer_id = segments.customer_id
