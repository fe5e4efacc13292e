{{ config(
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('receipt_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        source('pos', 'receipt_lines'),
        name='pos.receipt_lines',
        key=['receipt_id', 'line_number']
    ) }}

)

select
    -- ids
    receipt_id,
    line_number,
    {{ clean_text('product_id') }} as product_id,
    {{ clean_text('coupon_code') }} as coupon_code,

    -- measures
    quantity,
    sales_amount,
    coalesce(loyalty_discount, 0) as loyalty_discount_amount,
    coalesce(store_coupon_discount, 0) as store_coupon_discount_amount,
    coalesce(coupon_discount, 0) as coupon_amount,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
