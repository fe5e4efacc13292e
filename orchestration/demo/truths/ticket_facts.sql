-- One row per ticket. person_id: who it is about; null for spam and for those who wrote under an address
-- or a number that nobody else has. is_identifiable: its row names an address, number, account or order.
-- first_human_reply_at: the first public message of an agent after the opening one (UTC); null: none by
-- the last day. first_solved_at likewise. is_one_touch: solved once, for good, with one such message.
-- never_solved: of the real cases, those that were not solved by the last day, and would not have been
-- after it. is_closed_unsolved: closed by then without having been solved. priority_at_creation; final
-- priority is the feed's. is_slow: opened in the slow period. topic: the true one, where the feed has none.
select
    'T' || cast(tickets.ticket_no as varchar) as ticket_id,
    if(tickets.is_stranger, null, 'person-' || cast(tickets.person_id as varchar)) as person_id,
    coalesce(tickets.requester_email, tickets.requester_phone, tickets.account_id, tickets.order_id) is not null
    and not tickets.is_stranger as is_identifiable,
    tickets.topic,
    tickets.category,
    tickets.has_topic,
    tickets.channel,
    to_utc(desk_clock(tickets.created), desk_zone()) as created_at,
    tickets.is_agent_opened,
    coalesce(tickets.ending = 'spam', false) as is_spam,
    coalesce(tickets.ending = 'merged', false) as is_merged,
    coalesce(tickets.ending = 'deleted', false) as is_deleted,
    tickets.slot = 1 as is_repeat,
    tickets.is_slow,
    to_utc(desk_clock(if(times.replied < ends.at, times.replied, null)), desk_zone()) as first_human_reply_at,
    to_utc(desk_clock(if(times.solved < ends.at, times.solved, null)), desk_zone()) as first_solved_at,
    coalesce(times.reopened < ends.at, false) as reopened,
    tickets.ending is null and times.solved is null as never_solved,
    coalesce(times.solved is null and times.closed < ends.at, false) as is_closed_unsolved,
    coalesce(
        not tickets.is_agent_opened and times.solved < ends.at and times.asked_1 is null
        and (times.reopened is null or times.reopened >= ends.at),
        false
    ) as is_one_touch,
    times.initial_priority as priority_at_creation,
    coalesce(times.moved < ends.at and times.moved_priority is not null, false) as priority_changed
from tickets
inner join ticket_times as times on tickets.ticket_no = times.ticket_no
cross join (select desk_seconds(last_day() + 1, 0) as at) as ends
order by tickets.ticket_no
