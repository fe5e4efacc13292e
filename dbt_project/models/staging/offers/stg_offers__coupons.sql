with latest as (

    {{ latest_by_key(
        source('offers', 'coupons'),
        key=['coupon_code', 'campaign_id', 'product_id']
    ) }}

)

select
    -- ids
    coupon_code,
    campaign_id,
    product_id,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
