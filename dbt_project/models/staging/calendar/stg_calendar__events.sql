select
    -- ids
    event_code,

    -- properties
    {{ clean_text('name') }} as event_name,
    {{ clean_text('country') }} as country,
    kind,

    -- dates
    start_date,
    end_date,
    shopping_start_date
from {{ ref('calendar_events') }}
