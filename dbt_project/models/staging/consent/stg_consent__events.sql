{{ config(
    schema='vault',
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('consent_event_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        source('consent', 'events'),
        name='consent.events',
        key=['consent_event_id'],
        cursor='effective_at'
    ) }}

)

select
    -- ids
    consent_event_id,
    {{ clean_text('account_id') }} as account_id,
    {{ clean_text('member_id') }} as member_id,

    -- personal
    {{ clean_text('email') }} as email,
    {{ email_match('email') }} as email_match,
    {{ clean_text('phone') }} as phone,
    {{ phone_match('phone') }} as phone_match,

    -- properties
    purpose,
    medium,
    status,
    {{ clean_text('source') }} as source,
    coalesce(
        {{ clean_text('account_id') }},
        {{ clean_text('member_id') }},
        email_match,
        phone_match
    ) is not null as has_subject,

    -- timestamps
    effective_at,
    expires_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
