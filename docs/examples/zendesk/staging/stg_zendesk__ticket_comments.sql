{{ config(schema='vault', materialized='view') }}

with comments as (

    select *
    from {{ source('zendesk', 'ticket_comments') }}

),

users as (

    select
        user_id,
        author_role
    from {{ ref('stg_zendesk__users') }}

)

select
    -- ids
    'comment-' || comments.id as event_id,
    comments.ticket_id,

    -- properties
    -- whom nobody knows has answered nobody: -1 is Zendesk itself
    coalesce(users.author_role, 'bot') as author_role,
    case when comments.public then 'message' else 'note' end as kind,
    coalesce(comments.public, false) as is_public,
    cast(null as string) as value,

    -- personal
    comments.body as text,

    -- timestamps
    comments.created as event_at,

    -- lineage
    comments._load_date,
    comments._source_file,
    comments._line_number,
    comments._raw_version
from comments
left join users on comments.user_id = users.user_id
