{{ config(schema='vault') }}

with latest as (

    {{ latest_by_key(source('zendesk', 'users'), key=['id'], cursor='updated_at') }}

)

select
    -- ids
    id as user_id,
    {{ clean_text('external_id') }} as account_id,

    -- personal
    email,
    phone,

    -- properties
    case lower(role)
        when 'end-user' then 'customer'
        when 'agent' then 'agent'
        when 'admin' then 'agent'
    end as author_role,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
