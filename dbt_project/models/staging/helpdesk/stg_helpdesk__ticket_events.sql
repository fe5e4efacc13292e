{{ config(
    schema='vault',
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('event_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        with_mapped(source('helpdesk', 'ticket_events'), var('helpdesk_ticket_events_from'), [
            'event_id', 'ticket_id', 'event_at', 'author_role', 'kind', 'is_public', 'value', 'text',
        ]),
        name='helpdesk.ticket_events',
        key=['event_id'],
        cursor='event_at',
        mapped=var('helpdesk_ticket_events_from')
    ) }}

)

select
    -- ids
    event_id,
    {{ clean_text('ticket_id') }} as ticket_id,

    -- properties
    author_role,
    kind,
    -- a help desk that knows no private messages does not say that its messages are public
    coalesce(is_public, kind = 'message') as is_public,
    case
        when kind in ('status', 'priority') then lower({{ clean_text('value') }})
        else {{ clean_text('value') }}
    end as value,

    -- personal
    {{ clean_text('text') }} as text,

    -- timestamps
    event_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
