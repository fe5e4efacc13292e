{{ config(
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('return_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        source('shop', 'returns'),
        name='shop.returns',
        key=['return_id'],
        cursor='returned_at'
    ) }}

)

select
    -- ids
    return_id,
    {{ clean_text('order_id') }} as order_id,
    line_number,

    -- properties
    {{ clean_text('reason') }} as reason,

    -- measures
    abs(quantity) as quantity,
    abs(refunded_amount) as refunded_amount,

    -- timestamps
    returned_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
