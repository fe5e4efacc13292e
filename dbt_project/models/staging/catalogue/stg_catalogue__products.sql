with latest as (

    {{ latest_by_key(source('catalogue', 'products'), key=['product_id'], cursor='updated_at') }}

),

volume_goods as (

    select department, category
    from {{ ref('volume_goods') }}

),

sold_by_volume as (

    select distinct latest.product_id
    from latest
    inner join volume_goods
        on
            upper(trim(latest.department)) = volume_goods.department
            and upper(trim(latest.category))
            is not distinct from coalesce(volume_goods.category, upper(trim(latest.category)))

)

select
    -- ids
    latest.product_id,

    -- properties
    {{ clean_text('latest.name') }} as product_name,
    {{ clean_text('latest.brand') }} as brand,
    {{ clean_text('latest.designer') }} as designer,
    {{ clean_text('latest.department') }} as department,
    {{ clean_text('latest.category') }} as category,
    {{ clean_text('latest.subcategory') }} as subcategory,
    {{ clean_text('latest.color') }} as color,
    {{ clean_text('latest.material') }} as material,
    {{ clean_text('latest.size') }} as size,
    sold_by_volume.product_id is not null as is_sold_by_volume,

    -- measures
    latest.list_price as list_price_amount,
    latest.unit_cost as unit_cost_amount,

    -- timestamps
    latest.updated_at,

    -- lineage
    latest._load_date,
    latest._source_file,
    latest._line_number,
    latest._raw_version
from latest
left join sold_by_volume on latest.product_id = sold_by_volume.product_id
