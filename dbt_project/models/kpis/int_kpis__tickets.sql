with recursive tickets as (

    -- a merged ticket goes on elsewhere, spam never was a case
    select
        ticket_id,
        account_id,
        order_id,
        requester_email_match,
        requester_phone_match,
        lower(subject) as subject,
        lower(topic) as topic,
        coalesce(channel, 'unknown') as ticket_channel,
        priority,
        is_closed,
        created_at,
        {{ reporting_date('created_at') }} as created_date,
        case when not is_solved_before_created then solved_at end as solved_at,
        updated_at
    from {{ ref('stg_helpdesk__tickets') }}
    where created_at < {{ as_of_end() }} and not is_merged and not is_spam_or_deleted

),

events as (

    select
        ticket_id,
        event_id,
        author_role,
        kind,
        is_public,
        value,
        event_at
    from {{ ref('stg_helpdesk__ticket_events') }}
    where event_at < {{ as_of_end() }}

),

customer_records as (

    select
        customer_id,
        source,
        source_record_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

contact_points as (

    select
        kind,
        match_value,
        customer_id
    from {{ ref('int_customers__contact_points') }}

),

orders as (

    select
        customer_id,
        source_record_id as order_id
    from {{ ref('purchases') }}
    where source = 'shop.orders'

),

terms as (

    select
        topic,
        term
    from {{ ref('service_topic_terms') }}

),

read_topics as (

    -- untagged tickets by the words of their subject, the longest term first
    select
        tickets.ticket_id,
        terms.topic
    from tickets
    inner join terms on instr(tickets.subject, terms.term) > 0
    where tickets.topic is null
    qualify
        row_number() over (
            partition by tickets.ticket_id
            order by length(terms.term) desc, terms.term asc, terms.topic asc
        ) = 1

),

messages as (

    select
        *,
        row_number() over (partition by ticket_id order by event_at, event_id) as message_number
    from events
    where kind = 'message'

),

conversations as (

    select
        tickets.ticket_id,
        coalesce(bool_or(
            messages.message_number = 1
            and messages.author_role = 'agent'
            and messages.event_at <= tickets.created_at
        ), false) as is_agent_opened,
        min(case
            when
                messages.author_role = 'agent' and messages.is_public
                and messages.event_at > tickets.created_at
                then messages.event_at
        end) as first_response_at,
        count_if(
            messages.author_role = 'agent' and messages.is_public
            and messages.event_at > tickets.created_at
        ) as reply_count
    from tickets
    inner join messages on tickets.ticket_id = messages.ticket_id
    group by tickets.ticket_id

),

first_priorities as (

    select
        ticket_id,
        value as priority
    from events
    where kind = 'priority' and value is not null
    qualify row_number() over (partition by ticket_id order by event_at, event_id) = 1

),

agents as (

    select
        ticket_id,
        count(distinct value) as agent_count
    from events
    where kind = 'assignment' and value is not null
    group by ticket_id

),

opened as (

    -- a ticket begins as new, whether or not the help desk says so
    select
        ticket_id,
        '' as event_id,
        'new' as status,
        created_at as since
    from tickets
    union all
    select
        tickets.ticket_id,
        events.event_id,
        events.value as status,
        greatest(events.event_at, tickets.created_at) as since
    from events
    inner join tickets on events.ticket_id = tickets.ticket_id
    where events.kind = 'status' and events.value is not null

),

phases as (

    select
        ticket_id,
        event_id,
        since,
        status in ({{ quoted_list(var('service_closed_statuses')) }}) as is_closed,
        status in ({{ quoted_list(var('service_solved_statuses')) }}) as is_solved,
        status in ({{ quoted_list(var('service_waiting_statuses')) }}) as is_waiting
    from opened

),

followed as (

    select
        *,
        lag(is_closed) over (partition by ticket_id order by since, event_id) as was_closed,
        lead(since) over (partition by ticket_id order by since, event_id) as until
    from phases

),

histories as (

    select
        ticket_id,
        count(*) > 1 as has_statuses,
        count_if(coalesce(was_closed, false) and not is_closed) as reopen_count,
        min(case when is_solved then since end) as first_solved_at,
        bool_or(is_closed and until is null) as is_closed,
        -- solved, then closed after some days: it ended when it was solved
        max(case when is_closed and not coalesce(was_closed, false) then since end)
            as last_closed_at,
        cast(sum(case
            when not is_closed and not is_waiting and until is not null
                then {{ seconds_between('since', 'until') }}
            else 0
        end) as bigint) as handling_seconds
    from followed
    group by ticket_id

),

resolved as (

    select
        tickets.ticket_id,
        histories.has_statuses,
        histories.handling_seconds,
        histories.reopen_count,
        case when histories.has_statuses then histories.first_solved_at else tickets.solved_at end
            as first_solved_at,
        case
            when histories.has_statuses and histories.is_closed then histories.last_closed_at
            when not histories.has_statuses and tickets.is_closed
                then greatest(coalesce(tickets.solved_at, tickets.updated_at), tickets.created_at)
        end as resolved_at
    from tickets
    inner join histories on tickets.ticket_id = histories.ticket_id

),

-- the desk's opening hours: seconds open before each day, and its hours of that day in UTC
first_day as (

    select min(created_date) as desk_date
    from tickets

),

days as (

    select desk_date
    from first_day
    where desk_date is not null
    union all
    select cast(desk_date + interval '1' day as date) as desk_date
    from days
    where desk_date <= {{ as_of() }}

),

hours as (

    select
        weekday,
        60 * cast(split_part(opens_at, ':', 1) as integer)
        + cast(split_part(opens_at, ':', 2) as integer) as opens_minute,
        60 * cast(split_part(closes_at, ':', 1) as integer)
        + cast(split_part(closes_at, ':', 2) as integer) as closes_minute,
        valid_from,
        valid_to
    from {{ ref('service_hours') }}

),

holidays as (

    select distinct
        events.start_date,
        events.end_date
    from {{ ref('stg_calendar__events') }} as events
    inner join {{ ref('service_holidays') }} as closed on events.event_code = closed.event_code
    where
        events.country is null
        or events.country = '{{ env_var("INSIGHTS_COUNTRY", "US") }}'

),

closed_days as (

    select distinct days.desk_date
    from days
    cross join holidays
    where days.desk_date >= holidays.start_date and days.desk_date <= holidays.end_date

),

opening as (

    select
        days.desk_date,
        {{ utc_start_of(minutes_later('days.desk_date', 'hours.opens_minute')) }} as opens_at,
        {{ utc_start_of(minutes_later('days.desk_date', 'hours.closes_minute')) }} as closes_at
    from days
    inner join hours
        on
            -- 1 January 1900 was a Monday
            {{ days_between("cast('1900-01-01' as date)", 'days.desk_date') }} % 7 + 1
            = hours.weekday
            and coalesce(days.desk_date >= hours.valid_from, true)
            and coalesce(days.desk_date <= hours.valid_to, true)
    left join closed_days on days.desk_date = closed_days.desk_date
    where closed_days.desk_date is null

),

desk_days as (

    select
        days.desk_date,
        opening.opens_at,
        coalesce({{ seconds_between('opening.opens_at', 'opening.closes_at') }}, 0)
            as open_seconds
    from days
    left join opening on days.desk_date = opening.desk_date

),

desk as (

    select
        desk_date,
        opens_at,
        open_seconds,
        sum(open_seconds) over (order by desk_date) - open_seconds as seconds_before
    from desk_days
    -- without a schedule there are no business hours
    where exists (select 1 from hours)

),

answered as (

    -- who still waits has waited until the end of the as-of day
    select
        tickets.*,
        conversations.ticket_id is not null as has_messages,
        coalesce(conversations.is_agent_opened, false) as is_agent_opened,
        conversations.first_response_at,
        coalesce(conversations.reply_count, 0) as reply_count,
        coalesce(conversations.first_response_at, {{ as_of_end() }}) as waited_until
    from tickets
    left join conversations on tickets.ticket_id = conversations.ticket_id

),

waited as (

    select
        answered.ticket_id,
        {{ desk_seconds('from_day', 'answered.created_at') }} as desk_seconds_before,
        {{ desk_seconds('until_day', 'answered.waited_until') }} as desk_seconds_until
    from answered
    inner join desk as from_day on answered.created_date = from_day.desk_date
    inner join desk as until_day
        on {{ reporting_date('answered.waited_until') }} = until_day.desk_date

)

select
    -- ids
    answered.ticket_id,
    coalesce(
        by_account.customer_id, by_email.customer_id, by_phone.customer_id, orders.customer_id
    ) as customer_id,
    answered.order_id,

    -- properties
    answered.ticket_channel,
    coalesce(answered.topic, read_topics.topic, 'unknown') as topic,
    coalesce(first_priorities.priority, answered.priority, 'unknown') as priority,
    answered.has_messages,
    answered.is_agent_opened,
    coalesce(
        resolved.first_solved_at is not null
        and resolved.resolved_at is not null
        and not answered.is_agent_opened
        and answered.reply_count = 1
        and resolved.reopen_count = 0,
        false
    ) as is_one_touch,

    -- timestamps
    answered.created_at,
    answered.created_date,
    answered.first_response_at,
    resolved.first_solved_at,
    resolved.resolved_at,

    -- measures
    {{ seconds_between('answered.created_at', 'answered.waited_until') }} as response_seconds,
    cast(waited.desk_seconds_until - waited.desk_seconds_before as bigint)
        as business_response_seconds,
    {{ seconds_between(
        'answered.created_at', 'coalesce(resolved.resolved_at, ' ~ as_of_end() ~ ')'
    ) }} as resolution_seconds,
    case
        when resolved.has_statuses and resolved.resolved_at is not null
            then resolved.handling_seconds
    end as handling_seconds,
    cast(answered.reply_count as bigint) as reply_count,
    cast(resolved.reopen_count as bigint) as reopen_count,
    cast(greatest(coalesce(agents.agent_count, 0) - 1, 0) as bigint) as handoff_count
from answered
inner join resolved on answered.ticket_id = resolved.ticket_id
left join waited on answered.ticket_id = waited.ticket_id
left join first_priorities on answered.ticket_id = first_priorities.ticket_id
left join read_topics on answered.ticket_id = read_topics.ticket_id
left join agents on answered.ticket_id = agents.ticket_id
left join customer_records as by_account on answered.account_id = by_account.source_record_id
left join contact_points as by_email
    on by_email.kind = 'email' and answered.requester_email_match = by_email.match_value
left join contact_points as by_phone
    on by_phone.kind = 'phone' and answered.requester_phone_match = by_phone.match_value
left join orders on answered.order_id = orders.order_id
