with latest as (

    {{ latest_by_key(
        source('contracts', 'subscriptions'),
        key=['subscription_id'],
        cursor='updated_at'
    ) }}

)

select
    -- ids
    subscription_id,
    {{ clean_text('account_id') }} as account_id,
    {{ clean_text('member_id') }} as member_id,

    -- properties
    {{ clean_text('plan') }} as plan,
    end_reason,
    coalesce(ended_on < started_on, false) as is_ended_before_started,
    coalesce(cancelled_on < started_on, false) as is_cancelled_before_started,
    coalesce(cancelled_on > ended_on, false) as is_cancelled_after_ended,

    -- measures
    monthly_fee as monthly_fee_amount,

    -- dates
    started_on,
    ended_on,
    cancelled_on,

    -- timestamps
    updated_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
