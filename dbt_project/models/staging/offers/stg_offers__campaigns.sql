with latest as (

    {{ latest_by_key(source('offers', 'campaigns'), key=['campaign_id']) }}

)

select
    -- ids
    campaign_id,

    -- properties
    {{ clean_text('name') }} as campaign_name,
    {{ clean_text('kind') }} as kind,
    {{ clean_text('mechanic') }} as mechanic,
    {{ clean_text('channel') }} as channel,

    -- dates
    starts_on,
    ends_on,

    -- measures
    contact_cost as contact_cost_amount,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
