{{ config(schema='vault') }}

with latest as (

    {{ latest_by_key(
        source('reviews', 'product_reviews'),
        key=['review_id'],
        cursor='reviewed_at'
    ) }}

)

select
    -- ids
    review_id,
    {{ clean_text('account_id') }} as account_id,
    {{ clean_text('product_id') }} as product_id,

    -- personal
    {{ clean_text('text') }} as text,

    -- measures
    stars,

    -- timestamps
    reviewed_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
