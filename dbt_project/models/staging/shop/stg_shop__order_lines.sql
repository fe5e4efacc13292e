{{ config(
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('order_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        source('shop', 'order_lines'),
        name='shop.order_lines',
        key=['order_id', 'line_number']
    ) }}

)

select
    -- ids
    order_id,
    line_number,
    {{ clean_text('product_id') }} as product_id,
    {{ clean_text('coupon_code') }} as coupon_code,

    -- measures
    quantity,
    unit_price as unit_price_amount,
    try_cast(quantity * unit_price as decimal(18, 2)) as gross_amount,
    coalesce(discount_amount, 0) as discount_amount,
    try_cast(quantity * unit_price as decimal(18, 2))
    - coalesce(discount_amount, 0) as sales_amount,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
