-- what was loaded by the end of the as-of day is in staging, whichever way it was built
{{ config(meta={'dagster': {'ref': {'name': 'stg_pos__receipts'}}}) }}

with arrived as (

    select count(distinct receipt_id) as row_count
    from {{ source('pos', 'receipts') }}
    where _load_date <= {{ as_of() }}

),

held as (

    select count(*) as row_count
    from {{ ref('stg_pos__receipts') }}

)

select
    arrived.row_count as arrived_count,
    held.row_count as held_count
from arrived
cross join held
where arrived.row_count <> held.row_count
