with latest as (

    {{ latest_by_key(
        source('offers', 'redemptions'),
        key=['redemption_id'],
        cursor='redeemed_at'
    ) }}

)

select
    -- ids
    redemption_id,
    campaign_id,
    {{ clean_text('coupon_code') }} as coupon_code,
    {{ clean_text('member_id') }} as member_id,
    {{ clean_text('account_id') }} as account_id,
    {{ clean_text('receipt_id') }} as receipt_id,
    {{ clean_text('order_id') }} as order_id,

    -- timestamps
    redeemed_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
