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
        source('pos', 'receipts'),
        name='pos.receipts',
        key=['receipt_id'],
        cursor='sold_at'
    ) }}

)

select
    -- ids
    receipt_id,
    {{ clean_text('member_id') }} as member_id,
    {{ clean_text('store_id') }} as store_id,

    -- timestamps
    sold_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
