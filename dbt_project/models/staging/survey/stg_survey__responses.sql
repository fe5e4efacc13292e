{{ config(schema='vault') }}

with latest as (

    {{ latest_by_key(source('survey', 'responses'), key=['response_id'], cursor='answered_at') }}

),

scaled as (

    select
        *,
        coalesce(scale_min, case survey when 'nps' then 0 else 1 end) as filled_scale_min,
        coalesce(scale_max, case survey when 'nps' then 10 else 5 end) as filled_scale_max
    from latest

),

judged as (

    select
        *,
        case
            when filled_scale_min >= filled_scale_max then 'scale'
            -- on any other scale nobody is a promoter or a detractor
            when survey = 'nps' and (filled_scale_min <> 0 or filled_scale_max <> 10) then 'scale'
            when score < filled_scale_min or score > filled_scale_max then 'outside_scale'
            when survey = 'nps' and score <> floor(score) then 'not_whole'
        end as invalid_reason
    from scaled

)

select
    -- ids
    response_id,
    {{ clean_text('account_id') }} as account_id,
    {{ clean_text('member_id') }} as member_id,
    {{ clean_text('ticket_id') }} as ticket_id,
    {{ clean_text('order_id') }} as order_id,

    -- personal
    {{ clean_text('email') }} as email,
    {{ email_match('email') }} as email_match,
    {{ clean_text('comment') }} as comment,

    -- properties
    survey,
    {{ clean_text('wave') }} as wave,
    invalid_reason is null as is_valid,
    invalid_reason,
    coalesce(answered_at < sent_at, false) as is_answered_before_sent,

    -- measures
    score,
    filled_scale_min as scale_min,
    filled_scale_max as scale_max,

    -- timestamps
    sent_at,
    answered_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from judged
