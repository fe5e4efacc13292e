{{ config(
    schema='vault',
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('invitation_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        source('survey', 'invitations'),
        name='survey.invitations',
        key=['invitation_id'],
        cursor='sent_at'
    ) }}

)

select
    -- ids
    invitation_id,
    {{ clean_text('account_id') }} as account_id,
    {{ clean_text('member_id') }} as member_id,

    -- personal
    {{ clean_text('email') }} as email,
    {{ email_match('email') }} as email_match,

    -- properties
    survey,
    {{ clean_text('wave') }} as wave,

    -- timestamps
    sent_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
