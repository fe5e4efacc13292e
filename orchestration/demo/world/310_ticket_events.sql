-- What the help desk recorded of its tickets: every event, and every state a ticket was sent in.
--
-- event_kinds(event_no, author_role, kind, is_public, value, says): what can happen to a ticket, in
--            this order at the most once. value: null where it is the ticket's own. says: which text.
-- ticket_events(landed_on, ticket_no, event_no, happened, is_sent_twice): sorted by landed_on.
--            landed_on: the delivery it comes with, for some days after it happened; is_sent_twice:
--            it comes with the next one too. happened: seconds on the retailer's clock, see 300.
-- ticket_versions(landed_on, ticket_no, status, priority, solved, updated): the ticket as it stood at
--            the end of each day on which something happened to it. Sorted by landed_on.
-- Only what happens until the period's last day is here.

create table event_kinds as
from (
    values
    (1, 'customer', 'message', true, null, 'question'),
    (2, 'agent', 'message', true, null, 'opening'),
    (3, 'bot', 'priority', false, null, null),
    (4, 'bot', 'message', true, null, 'receipt'),
    (5, 'bot', 'assignment', false, null, null),
    (6, 'bot', 'status', true, 'open', null),
    (7, 'agent', 'priority', false, null, null),
    (8, 'agent', 'note', false, null, 'note'),
    (9, 'agent', 'message', true, null, 'answer'),
    (10, 'bot', 'status', true, 'pending', null),
    (11, 'customer', 'message', true, null, 'more'),
    (12, 'bot', 'status', true, 'open', null),
    (13, 'agent', 'assignment', false, null, null),
    (14, 'agent', 'status', true, 'hold', null),
    (15, 'agent', 'message', true, null, 'answer'),
    (16, 'bot', 'status', true, 'pending', null),
    (17, 'customer', 'message', true, null, 'more'),
    (18, 'bot', 'status', true, 'open', null),
    (19, 'agent', 'assignment', false, null, null),
    (20, 'agent', 'message', true, null, 'answer'),
    (21, 'bot', 'status', true, 'pending', null),
    (22, 'customer', 'message', true, null, 'more'),
    (23, 'bot', 'status', true, 'open', null),
    (24, 'agent', 'message', true, null, 'answer'),
    (25, 'agent', 'status', true, 'solved', null),
    (26, 'customer', 'message', true, null, 'again'),
    (27, 'bot', 'status', true, 'open', null),
    (28, 'agent', 'message', true, null, 'answer'),
    (29, 'agent', 'status', true, 'solved', null),
    (30, 'bot', 'status', true, 'closed', null),
    (31, 'agent', 'note', false, null, 'merged'),
    (32, 'agent', 'status', false, 'merged', null),
    (33, 'bot', 'status', false, 'spam', null),
    (34, 'agent', 'status', false, 'deleted', null),
    -- a desk that has no word for the end of such a ticket closes and tags it
    (35, 'agent', 'status', false, 'closed', null)
) as kinds (event_no, author_role, kind, is_public, value, says);

create table ticket_events as
with happened as (

    select ticket_no, if(is_agent_opened, 2, 1) as event_no, created as happened from ticket_times
    union all
    select ticket_no, 3, created + 1 from ticket_times
    union all
    select ticket_no, 4, receipted from ticket_times
    union all
    select ticket_no, 5, assigned from ticket_times
    union all
    select ticket_no, 6, assigned + 1 from ticket_times
    union all
    select ticket_no, 7, moved from ticket_times where moved_priority is not null
    union all
    select ticket_no, 8, noted from ticket_times
    union all
    select ticket_no, 9, replied from ticket_times
    union all
    select ticket_no, 10, replied + 1 from ticket_times
    where asked_1 is not null or (solved is null and closed is null)
    union all
    select ticket_no, 11, asked_1 from ticket_times
    union all
    select ticket_no, 12, asked_1 + 1 from ticket_times
    union all
    select ticket_no, 13, handed_on from ticket_times
    union all
    select ticket_no, 14, held from ticket_times
    union all
    select ticket_no, 15, answered_1 from ticket_times
    union all
    select ticket_no, 16, answered_1 + 1 from ticket_times
    where asked_2 is not null or (solved is null and closed is null)
    union all
    select ticket_no, 17, asked_2 from ticket_times
    union all
    select ticket_no, 18, asked_2 + 1 from ticket_times
    union all
    select ticket_no, 19, handed_again from ticket_times
    union all
    select ticket_no, 20, answered_2 from ticket_times
    union all
    select ticket_no, 21, answered_2 + 1 from ticket_times
    where asked_3 is not null or (solved is null and closed is null)
    union all
    select ticket_no, 22, asked_3 from ticket_times
    union all
    select ticket_no, 23, asked_3 + 1 from ticket_times
    union all
    select ticket_no, 24, answered_3 from ticket_times
    union all
    select ticket_no, 25, solved from ticket_times
    union all
    select ticket_no, 26, reopened from ticket_times
    union all
    select ticket_no, 27, reopened + 1 from ticket_times
    union all
    select ticket_no, 28, answered_again from ticket_times
    union all
    select ticket_no, 29, solved_again from ticket_times
    union all
    select ticket_no, 30, closed from ticket_times
    union all
    select ticket_no, 31, ended - 5 from ticket_times where ending = 'merged'
    union all
    select
        ticket_no,
        case
            when ending <> 'deleted' and draw(ticket_no, 'only tagged') < 0.3 then 35
            when ending = 'merged' then 32
            when ending = 'spam' then 33
            else 34
        end,
        ended
    from ticket_times where ended is not null

),

drawn as (

    select
        *,
        draw(ticket_no * 64 + event_no, 'event late') as late_draw
    from happened
    where happened < desk_seconds(last_day() + 1, 0)

)

select
    -- one in two hundred comes one to three days late
    desk_day(happened) + if(late_draw < 0.005, 1 + cast(floor(late_draw * 600) as integer), 0) as landed_on,
    ticket_no,
    cast(event_no as tinyint) as event_no,
    happened,
    late_draw > 0.992 as is_sent_twice
from drawn
order by landed_on;

create table ticket_versions as
with days as (

    -- a moment and what happened then are one number, so that the latest is the highest
    select
        ticket_events.ticket_no,
        desk_day(ticket_events.happened) as happened_on,
        max(ticket_events.happened * 64 + ticket_events.event_no) filter (where event_kinds.kind = 'status') as status_key,
        max(ticket_events.happened * 64 + ticket_events.event_no) filter (where event_kinds.kind = 'priority') as priority_key,
        max(ticket_events.happened) filter (where event_kinds.value = 'solved') as solved,
        max(ticket_events.happened) as updated
    from ticket_events
    inner join event_kinds on ticket_events.event_no = event_kinds.event_no
    group by ticket_events.ticket_no, desk_day(ticket_events.happened)

),

states as (

    select
        ticket_no,
        happened_on,
        max(status_key) over so_far % 64 as status_no,
        max(priority_key) over so_far % 64 as priority_no,
        max(solved) over so_far as solved,
        updated
    from days
    window so_far as (partition by ticket_no order by happened_on rows between unbounded preceding and current row)

)

select
    -- one state in a hundred is missed, and comes with the next day's delivery
    states.happened_on
    + if(draw(states.ticket_no * 4096 + (states.happened_on - first_day()), 'ticket late') < 0.01, 1, 0) as landed_on,
    states.ticket_no,
    coalesce(event_kinds.value, 'new') as status,
    case when states.priority_no = 7 then ticket_times.moved_priority else ticket_times.initial_priority end as priority,
    -- who reopens a ticket makes it unsolved
    if(event_kinds.value in ('solved', 'closed'), states.solved, null) as solved,
    states.updated
from states
inner join ticket_times on states.ticket_no = ticket_times.ticket_no
left join event_kinds on states.status_no = event_kinds.event_no
order by landed_on;
