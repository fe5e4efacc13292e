-- at any moment a record belongs to one customer at most
{{ config(meta={'dagster': {'ref': {'name': 'customer_records'}}}) }}

with records_with_past as (

    select source, source_record_id
    from {{ ref('customer_records') }}
    where valid_to is not null

)

select earlier.source, earlier.source_record_id
from {{ ref('customer_records') }} as earlier
inner join records_with_past
    on
        earlier.source = records_with_past.source
        and earlier.source_record_id = records_with_past.source_record_id
inner join {{ ref('customer_records') }} as later
    on
        earlier.source = later.source
        and earlier.source_record_id = later.source_record_id
        and earlier.valid_from < later.valid_from
where earlier.valid_to is null or earlier.valid_to > later.valid_from
