-- at any moment a record belongs to one customer at most
{{ config(meta={'dagster': {'ref': {'name': 'customer_records'}}}) }}

with history as (

    select
        source,
        source_record_id,
        valid_from,
        lag(valid_to) over (
            partition by source, source_record_id
            order by valid_from
        ) as earlier_valid_to,
        row_number() over (
            partition by source, source_record_id
            order by valid_from
        ) as place
    from {{ ref('customer_records') }}

)

select source, source_record_id
from history
where place > 1 and (earlier_valid_to is null or earlier_valid_to > valid_from)
