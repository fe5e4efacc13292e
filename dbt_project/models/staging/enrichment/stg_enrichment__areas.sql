with arrived as (

    -- in the form of the macro postcode_area, on which customers join; the area is cut already
    select
        translate(upper(postcode_area), ' -.', '') as postcode_area,
        as_of_date,
        case when population >= 0 then population end as population,
        case when median_income >= 0 then median_income end as median_income_amount,
        share_owner_occupied as owner_occupied_share,
        share_under_30 as under_30_share,
        share_online_shoppers as online_shoppers_share,
        {{ clean_text('source') }} as source,
        _load_date,
        _source_file,
        _line_number,
        _raw_version
    from {{ source('enrichment', 'areas') }}

),

latest as (

    -- two spellings of one area are one key
    {{ latest_by_key('arrived', key=['postcode_area', 'as_of_date']) }}

)

select
    -- ids
    postcode_area,
    as_of_date,

    -- properties
    source,

    -- measures
    population,
    median_income_amount,
    owner_occupied_share,
    under_30_share,
    online_shoppers_share,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
