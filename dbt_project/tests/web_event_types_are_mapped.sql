-- events of these types count for no stage; add the types to the seed web_event_types
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'stg_web__unmapped_event_types'}}}) }}

select event_type, event_count
from {{ ref('stg_web__unmapped_event_types') }}
