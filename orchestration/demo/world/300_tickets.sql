-- The help desk's tickets: who asks about what, and when somebody answers and solves it.
--
-- service_issues(topic, category, starts_on, ends_on, multiple, ramp_days): topics that come more
--            often for a while: so many times the usual rate of an order, reached after ramp_days.
--            category: only for orders of it. multiple null: what causes the topic comes more often
--            (late deliveries), and each brings a ticket as often as ever.
-- tickets(ticket_no, occasion_id, person_id, slot, topic, category, channel, created, is_stranger,
--            is_agent_opened, ending, has_topic, initial_priority, is_slow, requester_email,
--            requester_phone, account_id, order_id)
--            slot 0: the first about it; 1: the same again weeks later; 2: the same twice on one day,
--            merged; 3: spam. is_stranger: written under an address that nobody else has.
--            ending: spam, deleted or merged. person_id is who wrote, also where nobody can know;
--            null for spam.
-- ticket_times(ticket_no, channel, is_agent_opened, ending, initial_priority, moved_priority, ..):
--            when each thing happened to a ticket (replied, solved, ..); null: it did not.
--
-- A ticket's number is occasion_id * 16 + 4 * cause + slot (cause 1: a late delivery, 2: a return,
-- 0: all other), so that it does not hang on the other tickets. Times here are whole seconds on the
-- retailer's own clock, see desk_seconds.
--
-- The desk is open from 8 to 20 from Monday to Saturday, but for four public holidays; one ticket in
-- ten is answered by the few who look in between.

create macro desk_zone() as 'America/New_York';

-- Seconds since the start of a Monday long ago, and the local time and day of such a second.
create macro desk_seconds(local_day, second_of_day) as
    cast(local_day - date '2000-01-03' as bigint) * 86400 + second_of_day;
create macro desk_day(seconds) as date '2000-01-03' + cast(seconds // 86400 as integer);
create macro desk_clock(seconds) as timestamp '2000-01-03' + to_seconds(seconds);

-- Seconds of opening until a second, and the second at which so many of them have passed: a week has
-- six days of 43,200.
create macro worked(seconds) as
    seconds // 604800 * 259200
    + least(259200, seconds % 604800 // 86400 * 43200 + greatest(0, least(43200, seconds % 86400 - 28800)));
create macro after_work(work) as
    work // 259200 * 604800 + work % 259200 // 43200 * 86400 + 28800 + work % 43200;

-- When an answer is there that takes so many seconds of work: in opening hours, or straight on for
-- those answered in between. Public holidays are made good for on the next day.
create macro answered(since, work, in_between, closed_days) as
    case
        when in_between then since + cast(1.5 * work as bigint)
        when list_contains(closed_days, after_work(worked(since) + cast(work as bigint)) // 86400)
            then after_work(worked(since) + cast(work as bigint)) + 86400
        else after_work(worked(since) + cast(work as bigint))
    end;

create table desk_closed as
select list(desk_seconds(local_day, 0) // 86400 order by local_day) as days
from (
    select unnest(range(first_day(), last_day() + 30, interval 1 day))::date as local_day
) as all_days
where
    (month(local_day) = 12 and day(local_day) = 25)
    or (month(local_day) = 1 and day(local_day) = 1)
    or (month(local_day) = 7 and day(local_day) = 4)
    or (month(local_day) = 11 and dayofweek(local_day) = 4 and day(local_day) between 22 and 28);

create table service_issues as
with planned (topic, category, start_fraction, days, multiple, ramp_days, lag_days) as (

    values
    ('damaged_item', 'kitchen', 0.35, 56, 8.0, 0, 0),
    ('coupon_not_working', null, 0.5, 49, 6.0, 0, 0),
    -- a release of the app; the desk cannot keep up with it
    ('login_problem', null, 0.62, 45, 7.0, 0, 0),
    ('unavailable_product', null, 0.75, 70, 5.0, 14, 0),
    -- the carrier's trouble in `orders`: more late orders, each with the usual risk of a ticket; who
    -- orders on its first day misses the parcel about six days later
    ('delivery_late', null, 0.886, 10000, null, 0, 6)

)

select
    topic,
    category,
    first_day() + cast(floor(start_fraction * day_count()) as integer) + lag_days as starts_on,
    least(last_day(), first_day() + cast(floor(start_fraction * day_count()) as integer) + lag_days + days - 1) as ends_on,
    cast(multiple as double) as multiple,
    ramp_days
from planned;

-- While logging in fails, answers take twice as long.
create macro slow_factor() as 2.0;

-- How many times the usual rate a topic has on a day.
create macro issue_multiple(on_day, starts_on, ends_on, multiple, ramp_days) as
    case
        when on_day not between starts_on and ends_on then 1
        when on_day >= starts_on + ramp_days then multiple
        else 1 + (multiple - 1) * (on_day - starts_on + 1) / (ramp_days + 1)
    end;

-- What may bring a ticket. One draw an occasion decides on the topic: it falls into the stretch of
-- one of them, or into none. Rates are per order, those of stores per purchase.
create temp table ticket_causes as
with issues as (

    select
        any_value(columns(* exclude (topic, category))) filter (where topic = 'coupon_not_working') as "coupon_\0",
        any_value(columns(* exclude (topic, category))) filter (where topic = 'login_problem') as "login_\0",
        any_value(columns(* exclude (topic, category))) filter (where topic = 'unavailable_product') as "unavailable_\0"
    from service_issues

),

asked as (

    select
        occasion_id,
        person_id,
        bought_on,
        category,
        channel,
        is_guest,
        draw(occasion_id, 'ticket topic') as topic_draw,
        bought_on + pick(occasion_id, 'ticket lag', 2) as asked_on
    from occasions
    where draw(occasion_id, 'ticket topic') < case
        when channel = 'store' then 0.005 when category = 'kitchen' then 0.22 else 0.12 end

),

stretched as (

    select
        asked.*,
        case
            when channel = 'store' then 0.0004
            -- eight times as many as usual: quieter days are thinned out when the day is known
            when category = 'kitchen' then 0.012 * 8
            when category = 'home' then 0.004
            when category = 'electronics' then 0.003
            else 0.002
        end as to_damaged,
        if(channel = 'store', 0, 0.0035) as to_wrong,
        if(channel = 'store', 0.0004, 0.002) as to_refund,
        if(channel = 'store', 0, 0.0025) as to_late,
        if(channel = 'store', 0, 0.0035) as to_payment,
        if(channel = 'store', 0.001, 0.005) as to_question,
        if(channel = 'store', 0.0015, 0.005) as to_points,
        if(channel = 'store', 0, 0.0035 * issue_multiple(asked_on, coupon_starts_on, coupon_ends_on, coupon_multiple, coupon_ramp_days))
            as to_coupon,
        if(channel = 'store' or is_guest, 0, 0.0035 * issue_multiple(asked_on, login_starts_on, login_ends_on, login_multiple, login_ramp_days))
            as to_login,
        if(channel = 'store', 0, 0.0035 * issue_multiple(
            asked_on, unavailable_starts_on, unavailable_ends_on, unavailable_multiple, unavailable_ramp_days
        )) as to_unavailable
    from asked
    cross join issues

),

chosen as (

    select
        occasion_id,
        person_id,
        bought_on,
        category,
        channel,
        asked_on,
        case
            when topic_draw < to_damaged then 'damaged_item'
            when topic_draw < to_damaged + to_wrong then 'wrong_item'
            when topic_draw < to_damaged + to_wrong + to_refund then 'refund_missing'
            when topic_draw < to_damaged + to_wrong + to_refund + to_late then 'delivery_late'
            when topic_draw < to_damaged + to_wrong + to_refund + to_late + to_payment then 'payment_failed'
            when topic_draw < to_damaged + to_wrong + to_refund + to_late + to_payment + to_question
                then 'product_question'
            when topic_draw < to_damaged + to_wrong + to_refund + to_late + to_payment + to_question + to_points
                then 'loyalty_points'
            when topic_draw < to_damaged + to_wrong + to_refund + to_late + to_payment + to_question + to_points
                + to_coupon then 'coupon_not_working'
            when topic_draw < to_damaged + to_wrong + to_refund + to_late + to_payment + to_question + to_points
                + to_coupon + to_login then 'login_problem'
            when topic_draw < to_damaged + to_wrong + to_refund + to_late + to_payment + to_question + to_points
                + to_coupon + to_login + to_unavailable then 'unavailable_product'
        end as topic
    from stretched

),

-- a late delivery and a return bring tickets of their own
late as (

    select occasion_id, promised_date
    from orders
    where is_late and not is_cancelled and draw(occasion_id, 'ticket about late') < 0.25

),

returned as (

    select order_id, min(cast(returned_at as date)) as returned_on
    from returns
    where draw(return_id, 'ticket about return') < 0.1
    group by order_id

)

select
    chosen.occasion_id,
    0 as cause,
    chosen.person_id,
    chosen.topic,
    chosen.category,
    chosen.channel as bought_in,
    chosen.bought_on,
    orders.order_id,
    orders.account_id,
    case
        when chosen.topic in ('damaged_item', 'wrong_item')
            then coalesce(cast(orders.delivered_at as date), chosen.bought_on) + pick(chosen.occasion_id, 'slow lag', 4)
        when chosen.topic = 'refund_missing' then chosen.bought_on + 8 + pick(chosen.occasion_id, 'slow lag', 10)
        when chosen.topic = 'delivery_late' then chosen.bought_on + 2 + pick(chosen.occasion_id, 'slow lag', 3)
        else chosen.asked_on
    end as asked_on
from chosen
left join orders on chosen.occasion_id = orders.occasion_id
where chosen.topic is not null

union all

select
    occasions.occasion_id,
    1,
    occasions.person_id,
    'delivery_late',
    occasions.category,
    'web',
    occasions.bought_on,
    orders.order_id,
    orders.account_id,
    coalesce(orders.promised_date, occasions.bought_on + 4) + 1 + pick(occasions.occasion_id, 'late lag', 3)
from late
inner join orders on late.occasion_id = orders.occasion_id
inner join occasions on late.occasion_id = occasions.occasion_id

union all

select
    occasions.occasion_id,
    2,
    occasions.person_id,
    'refund_missing',
    occasions.category,
    'web',
    occasions.bought_on,
    orders.order_id,
    orders.account_id,
    returned.returned_on + 5 + pick(occasions.occasion_id, 'refund lag', 10)
from returned
inner join orders on returned.order_id = orders.order_id
inner join occasions on orders.occasion_id = occasions.occasion_id;

create table tickets as
with kept as (

    select
        causes.*,
        causes.occasion_id * 4 + causes.cause as cause_no,
        behaviours.left_on
    from ticket_causes as causes
    inner join behaviours on causes.person_id = behaviours.person_id
    inner join service_issues as kitchen on kitchen.topic = 'damaged_item'
    inner join identities on causes.person_id = identities.person_id
    where
        causes.asked_on <= last_day()
        and (behaviours.left_on is null or causes.asked_on < behaviours.left_on)
        and (causes.topic <> 'loyalty_points' or identities.member_id is not null)
        and (
            causes.topic <> 'damaged_item' or causes.bought_in = 'store' or causes.category <> kitchen.category
            or causes.asked_on between kitchen.starts_on and kitchen.ends_on
            or draw(causes.occasion_id, 'before the issue') < 1 / kitchen.multiple
        )

),

slots as (

    select *, 0 as slot, asked_on as created_on from kept
    union all
    -- not solved for good: the same person comes again within a month
    select *, 1, asked_on + 2 + pick(cause_no, 'asks again when', 24) from kept
    where draw(cause_no, 'asks again') < 0.06
    union all
    -- writes twice on one day, over two channels
    select *, 2, asked_on from kept where draw(cause_no, 'asks twice') < 0.02
    union all
    select *, 3, asked_on - pick(cause_no, 'spam when', 5) from kept where draw(cause_no, 'spam') < 0.02

),

numbered as (

    select
        *,
        cause_no * 4 + slot as ticket_no
    from slots
    where
        created_on between first_day() and last_day()
        and (slot = 3 or left_on is null or created_on < left_on)

),

through as (

    select
        *,
        draw(ticket_no, 'ticket channel') as channel_draw,
        -- nobody can know who writes about no order under an address of his own
        slot = 3 or (slot = 0 and draw(ticket_no, 'stranger') < 0.1) as is_stranger,
        slot = 0 and draw(ticket_no, 'opened by agent') < 0.04 as is_agent_opened,
        draw(ticket_no, 'ticket hour') as hour_draw,
        draw(ticket_no, 'ticket priority') as priority_draw
    from numbered

),

clocked as (

    select
        * exclude (channel_draw, hour_draw, priority_draw),
        case
            when slot = 3 then 'email'
            -- the second of two goes another way
            when slot = 2 then if(channel_draw < 0.5, 'web', 'phone')
            when channel_draw < 0.34 then 'email'
            when channel_draw < 0.60 then 'chat'
            when channel_draw < 0.80 then 'phone'
            when channel_draw < 0.94 then 'web'
            else 'social'
        end as channel,
        -- calls, chats and agents' own tickets come while the desk is open; Sunday's wait for Monday
        case
            when slot <> 3 and (is_agent_opened or (slot = 2 and channel_draw >= 0.5) or (slot <> 2 and channel_draw >= 0.34 and channel_draw < 0.80))
                then desk_seconds(
                    created_on + if(dayofweek(created_on) = 0 or list_contains(desk_closed.days, desk_seconds(created_on, 0) // 86400), 1, 0),
                    cast(floor(28800 + 43000 * hour_draw) as bigint)
                )
            else desk_seconds(created_on, cast(floor(25200 + 57600 * hour_draw) as bigint))
        end as created,
        case
            when priority_draw < 0.05 then 'urgent'
            when priority_draw < 0.20 then 'high'
            when priority_draw < 0.40 then 'low'
            else 'normal'
        end as initial_priority
    from through
    cross join desk_closed

),

known as (

    select
        clocked.*,
        desk_day(clocked.created) as opened_on,
        coalesce(email_changes.old_email, people.email) as email,
        cast(people.mobile as varchar) as mobile,
        identities.work_email,
        coalesce(clocked.account_id, identities.account_id) as known_account_id,
        draw(clocked.ticket_no, 'gives email') as email_draw,
        draw(clocked.ticket_no, 'gives phone') as phone_draw,
        draw(clocked.ticket_no, 'gives account') as account_draw
    from clocked
    inner join people on clocked.person_id = people.person_id
    inner join identities on clocked.person_id = identities.person_id
    left join email_changes
        on clocked.person_id = email_changes.person_id and clocked.created_on < email_changes.changed_on
    -- Monday may lie behind the period's end, or behind the day somebody left
    where
        desk_day(clocked.created) <= last_day()
        and (clocked.slot = 3 or clocked.left_on is null or desk_day(clocked.created) < clocked.left_on)

)

select
    known.ticket_no,
    known.occasion_id,
    if(known.slot = 3, null, known.person_id) as person_id,
    cast(known.slot as tinyint) as slot,
    if(known.slot = 3, null, known.topic) as topic,
    if(known.slot = 3, null, known.category) as category,
    known.channel,
    known.created,
    known.is_stranger,
    known.is_agent_opened,
    case
        when known.slot = 3 then 'spam'
        when known.slot = 2 then 'merged'
        when draw(known.ticket_no, 'deleted') < 0.007 then 'deleted'
    end as ending,
    known.slot <> 3 and draw(known.ticket_no, 'has topic') < 0.85 as has_topic,
    known.initial_priority,
    known.opened_on between slow.starts_on and slow.ends_on as is_slow,
    case
        when known.slot = 3 then 'offer' || cast(known.ticket_no as varchar) || '@bulk.example.net'
        when known.is_stranger and known.channel <> 'phone'
            then 'visitor' || cast(known.ticket_no as varchar) || '@example.org'
        when known.is_stranger then null
        when
            known.channel = 'email'
            or (known.channel in ('chat', 'web') and known.email_draw < 0.9)
            or (known.channel = 'social' and known.email_draw < 0.6)
            or (known.channel = 'phone' and known.email_draw < 0.25)
            then
                case
                    when known.work_email is not null and draw(known.ticket_no, 'writes from work') < 0.4
                        then known.work_email
                    when draw(known.ticket_no, 'in capitals') < 0.05 then upper(known.email)
                    else known.email
                end
    end as requester_email,
    case
        when known.slot = 3 then null
        -- no area code 555 belongs to anybody
        when known.is_stranger and known.channel = 'phone'
            then '+1555' || cast(2000000 + pick(known.ticket_no, 'stranger phone', 7999999) as varchar)
        when known.is_stranger then null
        -- a few callers withhold their number
        when (known.channel = 'phone' and known.phone_draw < 0.96) or known.phone_draw < 0.15
            then
                case pick(known.ticket_no, 'phone style', 3)
                    when 0 then '+1' || known.mobile
                    when 1 then '(' || left(known.mobile, 3) || ') ' || substr(known.mobile, 4, 3) || '-' || right(known.mobile, 4)
                    else left(known.mobile, 3) || '.' || substr(known.mobile, 4, 3) || '.' || right(known.mobile, 4)
                end
    end as requester_phone,
    case
        when known.is_stranger then null
        when known.account_draw < case known.channel
            when 'chat' then 0.8 when 'web' then 0.8 when 'email' then 0.35 when 'phone' then 0.3 else 0.15 end
            then known.known_account_id
    end as account_id,
    case
        -- an order is named once it is there
        when
            not known.is_stranger
            and known.opened_on > known.bought_on
            and draw(known.ticket_no, 'names order') < case known.topic
                when 'loyalty_points' then 0.2
                when 'login_problem' then 0.1
                when 'coupon_not_working' then 0.4
                when 'payment_failed' then 0.4
                when 'unavailable_product' then 0.3
                when 'product_question' then 0.4
                else 0.88
            end
            then known.order_id
    end as order_id
from known
cross join (select starts_on, ends_on from service_issues where topic = 'login_problem') as slow;

drop table ticket_causes;

create table ticket_times as
with fates as (

    select
        ticket_no,
        channel,
        created,
        is_agent_opened,
        ending,
        initial_priority,
        draw(ticket_no, 'in between') < 0.1 as in_between,
        -- seconds of work for each minute that an answer usually takes
        60 * if(is_slow, slow_factor(), 1.0)
        * case initial_priority when 'urgent' then 0.5 when 'high' then 0.75 when 'low' then 1.25 else 1 end as pace,
        case channel
            when 'phone' then 1.0
            when 'chat' then 4.0
            when 'email' then 300.0
            when 'web' then 400.0
            else 90.0
        end * exp(if(channel in ('phone', 'chat'), 0.7, 1.0) * normal(ticket_no, 'first reply')) as first_minutes,
        draw(ticket_no, 'fate') as fate_draw,
        draw(ticket_no, 'rounds') as rounds_draw,
        draw(ticket_no, 'bot') < 0.6 as gets_receipt,
        draw(ticket_no, 'hold') < 0.11 as may_hold,
        draw(ticket_no, 'handed on') as hand_draw,
        draw(ticket_no, 'note') < 0.3 as has_note,
        draw(ticket_no, 'priority moves') as priority_draw,
        draw(ticket_no, 'reopens') < 0.07 as reopens,
        pick(ticket_no, 'seconds', 400) as spare_seconds,
        desk_closed.days as closed_days
    from tickets
    cross join desk_closed

),

first_replies as (

    select
        *,
        -- of a hundred, one is never answered, one waits for the customer for ever, and two are
        -- closed without having been solved
        case
            when fate_draw < 0.012 then 'unanswered'
            when fate_draw < 0.022 then 'stale'
            when fate_draw < 0.042 then 'closed'
            else 'solved'
        end as fate,
        case when rounds_draw < 0.52 then 0 when rounds_draw < 0.78 then 1 when rounds_draw < 0.93 then 2 else 3 end as rounds,
        case
            when ending is not null or fate_draw < 0.012 then null
            -- an agent's own ticket begins with what the agent writes
            when is_agent_opened then answered(created, 100 * pace, in_between, closed_days)
            else answered(created, pace * (0.2 + first_minutes), in_between, closed_days)
        end as replied
    from fates

),

-- the customer answers when it suits; the desk after some time of work
round_1 as (

    select
        *,
        case when rounds >= 1 then replied + 120 + cast(30000 * wait(ticket_no, 'customer 1') as bigint) end as asked_1
    from first_replies

),

answer_1 as (

    select
        *,
        answered(
            asked_1,
            pace * (3 + 90 * wait(ticket_no, 'agent 1')) + if(may_hold, 43200 + 86400 * draw(ticket_no, 'hold for'), 0),
            in_between,
            closed_days
        ) as answered_1
    from round_1

),

round_2 as (

    select
        *,
        case when rounds >= 2 then answered_1 + 120 + cast(30000 * wait(ticket_no, 'customer 2') as bigint) end as asked_2
    from answer_1

),

answer_2 as (

    select *, answered(asked_2, pace * (3 + 120 * wait(ticket_no, 'agent 2')), in_between, closed_days) as answered_2
    from round_2

),

round_3 as (

    select
        *,
        case when rounds >= 3 then answered_2 + 120 + cast(30000 * wait(ticket_no, 'customer 3') as bigint) end as asked_3
    from answer_2

),

answer_3 as (

    select *, answered(asked_3, pace * (3 + 120 * wait(ticket_no, 'agent 3')), in_between, closed_days) as answered_3
    from round_3

),

solutions as (

    select
        *,
        coalesce(answered_3, answered_2, answered_1, replied) as last_answered,
        case when fate = 'solved' then coalesce(answered_3, answered_2, answered_1, replied) + 20 + spare_seconds end as solved
    from answer_3

),

reopenings as (

    select
        *,
        case
            when reopens then solved + 1800 + cast(least(280000, 80000 * wait(ticket_no, 'reopens when')) as bigint)
        end as reopened
    from solutions

),

second_solutions as (

    select *, answered(reopened, pace * (5 + 150 * wait(ticket_no, 'agent again')), in_between, closed_days) as answered_again
    from reopenings

)

select
    ticket_no,
    channel,
    is_agent_opened,
    ending,
    initial_priority,
    case
        when priority_draw < 0.056
            then case initial_priority when 'low' then 'normal' when 'normal' then 'high' when 'high' then 'urgent' else 'high' end
        when priority_draw < 0.08
            then case initial_priority when 'urgent' then 'high' when 'high' then 'normal' when 'normal' then 'low' else 'high' end
    end as moved_priority,
    created,
    case when channel in ('email', 'chat') and not is_agent_opened and gets_receipt then created + 5 + spare_seconds // 10 end as receipted,
    -- put on somebody's desk before the answer; two in three of the unanswered ones too
    case
        when ending is not null then null
        when replied is not null then created + (replied - created) * 6 // 10
        when fate_draw < 0.008 then created + 10800
    end as assigned,
    case
        when ending is null and priority_draw < 0.08 then created + (coalesce(replied, created + 18000) - created) // 2 + 2
    end as moved,
    -- a note for colleagues comes before the first answer
    case when has_note then created + (replied - created) * 8 // 10 end as noted,
    replied,
    asked_1,
    case when may_hold then asked_1 + 600 end as held,
    answered_1,
    asked_2,
    answered_2,
    asked_3,
    answered_3,
    -- handed on to a team, or twice
    case when hand_draw < 0.4 then asked_1 + 60 + spare_seconds end as handed_on,
    case when hand_draw < 0.15 then asked_2 + 60 + spare_seconds end as handed_again,
    last_answered,
    solved,
    reopened,
    answered_again,
    answered_again + 30 + spare_seconds as solved_again,
    case
        when reopened is not null then answered_again + 30 + spare_seconds + 345600
        when solved is not null then solved + 345600
        when fate = 'closed' then last_answered + 777600
    end as closed,
    -- not a case, and put away as such
    case
        when ending = 'merged' then answered(created, 1200 + 30 * spare_seconds, false, closed_days)
        when ending is not null then created + 60 + 200 * spare_seconds
    end as ended
from second_solutions;
