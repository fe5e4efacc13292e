{{ config(schema='vault', materialized='view') }}

with tickets as (

    select *
    from {{ source('zendesk', 'tickets') }}

),

users as (

    select *
    from {{ ref('stg_zendesk__users') }}

),

solutions as (

    select
        ticket_id,
        max(event_at) as solved_at
    from {{ ref('stg_zendesk__ticket_field_history') }}
    where kind = 'status' and value = 'solved' and _load_date <= {{ as_of() }}
    group by ticket_id

)

select
    -- ids
    tickets.id as ticket_id,
    users.account_id,
    -- where the shop writes its orders into a field of yours, take that
    cast(null as string) as order_id,

    -- personal
    users.email as requester_email,
    users.phone as requester_phone,
    tickets.subject,

    -- properties
    case
        when lower(tickets.via_channel) in ('email', 'web') then lower(tickets.via_channel)
        when lower(tickets.via_channel) in ('voice', 'phone', 'sms') then 'phone'
        when lower(tickets.via_channel) in ('chat', 'native_messaging', 'mobile_sdk') then 'chat'
        when
            lower(tickets.via_channel)
            in ('facebook', 'twitter', 'instagram_dm', 'whatsapp', 'any_channel')
            then 'social'
    end as channel,
    -- Zendesk has no topic, only tags: take the field your agents fill in
    case
        when instr(lower(tickets.tags), 'closed_by_merge') > 0 then 'closed_by_merge'
    end as topic,
    tickets.priority,
    tickets.status,

    -- timestamps
    tickets.created_at,
    case when tickets.status in ('solved', 'closed') then solutions.solved_at end as solved_at,
    tickets.updated_at,

    -- lineage
    tickets._load_date,
    tickets._source_file,
    tickets._line_number,
    tickets._raw_version
from tickets
left join users on tickets.requester_id = users.user_id
left join solutions on tickets.id = solutions.ticket_id
