{{ config(schema='vault') }}

with latest as (

    {{ latest_by_key(
        with_mapped(source('helpdesk', 'tickets'), var('helpdesk_tickets_from'), [
            'ticket_id', 'requester_email', 'requester_phone', 'account_id', 'channel', 'subject',
            'topic', 'priority', 'status', 'created_at', 'solved_at', 'order_id', 'updated_at',
        ]),
        key=['ticket_id'],
        cursor='updated_at'
    ) }}

),

tickets as (

    select
        -- ids
        ticket_id,
        {{ clean_text('account_id') }} as account_id,
        {{ clean_text('order_id') }} as order_id,

        -- personal
        {{ clean_text('requester_email') }} as requester_email,
        {{ clean_text('requester_phone') }} as requester_phone,
        {{ clean_text('subject') }} as subject,

        -- properties
        {{ clean_text('channel') }} as channel,
        {{ clean_text('topic') }} as topic,
        lower({{ clean_text('priority') }}) as priority,
        lower({{ clean_text('status') }}) as status,

        -- timestamps
        created_at,
        solved_at,
        updated_at,

        -- lineage
        _load_date,
        _source_file,
        _line_number,
        _raw_version
    from latest

),

ended as (

    -- vendors that have no word for it tag the ticket and close it
    select
        *,
        coalesce(status = 'merged', false)
        or coalesce(lower(topic) in ('merged', 'closed_by_merge'), false) as is_merged,
        coalesce(status in ('spam', 'deleted'), false)
        or coalesce(lower(topic) = 'spam', false) as is_spam_or_deleted
    from tickets

)

select
    -- ids
    ticket_id,
    account_id,
    order_id,

    -- personal
    requester_email,
    {{ email_match('requester_email') }} as requester_email_match,
    requester_phone,
    {{ phone_match('requester_phone') }} as requester_phone_match,
    subject,

    -- properties
    channel,
    topic,
    priority,
    status,
    is_merged
    or is_spam_or_deleted
    or coalesce(status in ('solved', 'resolved', 'closed'), solved_at is not null) as is_closed,
    is_merged,
    is_spam_or_deleted,
    coalesce(solved_at < created_at, false) as is_solved_before_created,

    -- timestamps
    created_at,
    solved_at,
    updated_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from ended
