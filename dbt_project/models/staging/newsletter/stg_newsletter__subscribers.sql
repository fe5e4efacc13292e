{{ config(schema='vault') }}

with latest as (

    {{ latest_by_key(
        source('newsletter', 'subscribers'),
        key=['subscriber_id'],
        cursor='updated_at'
    ) }}

)

select
    -- ids
    subscriber_id,

    -- personal
    {{ clean_text('email') }} as email,
    {{ email_match('email') }} as email_match,
    {{ clean_text('first_name') }} as first_name,
    {{ name_match('first_name') }} as first_name_match,

    -- timestamps
    subscribed_at,
    unsubscribed_at,
    updated_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
