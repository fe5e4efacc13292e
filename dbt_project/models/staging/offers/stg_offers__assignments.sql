with latest as (

    {{ latest_by_key(
        source('offers', 'assignments'),
        key=['campaign_id', 'member_id', 'account_id'],
        cursor='assigned_at'
    ) }}

)

select
    -- ids
    campaign_id,
    member_id,
    account_id,

    -- properties
    arm,
    method,

    -- timestamps
    assigned_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
