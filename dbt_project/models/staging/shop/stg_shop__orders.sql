{{ config(
    schema='vault',
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('order_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        source('shop', 'orders'),
        name='shop.orders',
        key=['order_id'],
        cursor='updated_at'
    ) }}

)

select
    -- ids
    order_id,
    {{ clean_text('account_id') }} as account_id,

    -- personal
    {{ clean_text('shipping_postcode') }} as shipping_postcode,
    {{ postcode_match('shipping_postcode') }} as shipping_postcode_match,

    -- properties
    {{ clean_text('status') }} as status,
    upper({{ clean_text('currency') }}) as currency,
    coalesce(status = 'cancelled', false) as is_cancelled,
    coalesce(is_gift, false) as is_gift,
    coalesce(
        upper({{ clean_text('currency') }}) = '{{ env_var("INSIGHTS_CURRENCY", "EUR") }}', true
    ) as is_reporting_currency,

    -- timestamps
    ordered_at,
    promised_date,
    delivered_at,
    updated_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
