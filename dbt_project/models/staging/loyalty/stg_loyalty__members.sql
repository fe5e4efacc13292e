{{ config(schema='vault') }}

with latest as (

    {{ latest_by_key(source('loyalty', 'members'), key=['member_id'], cursor='updated_at') }}

)

select
    -- ids
    member_id,

    -- personal
    {{ clean_text('first_name') }} as first_name,
    {{ clean_text('last_name') }} as last_name,
    lower({{ clean_text('email') }}) as email,
    {{ clean_text('phone') }} as phone,
    case
        -- dates that systems write when they do not know
        when birth_date in (cast('1900-01-01' as date), cast('1970-01-01' as date)) then null
        when birth_date > {{ as_of() }} then null
        else birth_date
    end as birth_date,
    upper({{ clean_text('postcode') }}) as postcode,
    {{ clean_text('city') }} as city,
    upper({{ clean_text('country') }}) as country,

    -- declared
    {{ clean_text('age_band') }} as age_band,
    {{ clean_text('income_band') }} as income_band,
    {{ clean_text('household_size') }} as household_size,
    {{ clean_text('marital_status') }} as marital_status,
    {{ clean_text('home_ownership') }} as home_ownership,
    {{ clean_text('tier') }} as tier,

    -- timestamps
    joined_at,
    updated_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
