{{ config(schema='vault', materialized='view') }}

with changes as (

    -- the other fields are no events of ours
    select *
    from {{ source('zendesk', 'ticket_field_history') }}
    where field_name in ('status', 'priority', 'assignee_id')

),

users as (

    select
        user_id,
        author_role
    from {{ ref('stg_zendesk__users') }}

)

select
    -- ids: a change has no number of its own
    changes.ticket_id || '-' || changes.field_name || '-' || cast(changes.updated as string)
        as event_id,
    changes.ticket_id,

    -- properties
    coalesce(users.author_role, 'bot') as author_role,
    case changes.field_name
        when 'assignee_id' then 'assignment'
        else changes.field_name
    end as kind,
    false as is_public,
    changes.value,

    -- personal
    cast(null as string) as text,

    -- timestamps
    changes.updated as event_at,

    -- lineage
    changes._load_date,
    changes._source_file,
    changes._line_number,
    changes._raw_version
from changes
left join users on changes.user_id = users.user_id
