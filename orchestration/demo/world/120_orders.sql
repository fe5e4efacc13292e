-- How purchases reach people: receipts of the stores, orders of the web shop with what became of
-- them, and what was sent back.
--
-- Texts that follow from numbers are made by views, which costs less than to keep them.
--
-- receipts(occasion_id, receipt_id, landed_on, member_id, store_id, sold_at)
-- orders(occasion_id, order_id, person_id, account_id, landed_on, ordered_on, ordered_at, paid_at,
--          shipped_at, cancelled_at, promised_date, delivered_at, is_late, is_cancelled, status,
--          paid_on, shipped_on, ended_on, shipping_postcode, is_gift, is_sent_elsewhere)
-- delivered_at, is_late: also of what is delivered after last_day(). status: on last_day().
-- paid_on, shipped_on, ended_on: the days whose delivery tells so.
-- returns(return_id, order_id, occasion_id, person_id, line_number, quantity, refunded_amount,
--          returned_at, landed_on, reason): line_number null for the whole order.

create table receipt_facts as
select
    occasions.occasion_id,
    occasions.landed_on,
    occasions.bought_at as sold_at,
    case when behaviours.is_member then occasions.person_id end as member_no,
    cast(1 + if(moves.moved_on <= occasions.bought_on, moves.city_no, people.city_no) as tinyint) as store_no
from occasions
inner join people on occasions.person_id = people.person_id
inner join behaviours on occasions.person_id = behaviours.person_id
left join moves on people.household_id = moves.household_id
where occasions.channel = 'store';

create view receipts as
select
    occasion_id,
    'X' || cast(occasion_id as varchar) as receipt_id,
    landed_on,
    -- as in `identities`
    'L' || cast(member_no as varchar) as member_id,
    'S' || lpad(cast(store_no as varchar), 2, '0') as store_id,
    sold_at
from receipt_facts;

create table order_facts as
with posted as (

    select
        occasions.*,
        people.household_id,
        cast(if(moves.moved_on <= occasions.bought_on, moves.postcode, households.postcode) as integer) as home_postcode,
        -- 3 % are cancelled, but none that an offer brought, so that its effect is what was planted
        draw(occasions.occasion_id, 'order cancelled') < 0.03 and not occasions.is_extra as is_cancelled,
        -- one in five is sent by express
        if(draw(occasions.occasion_id, 'express') < 0.2, 3, 5) as promised_days,
        draw(occasions.occasion_id, 'order late')
        < if(
            occasions.bought_on >= first_day() + cast(floor(0.886 * day_count()) as integer), 0.35, 0.08
        ) as is_late
    from occasions
    inner join people on occasions.person_id = people.person_id
    inner join households on people.household_id = households.household_id
    left join moves on people.household_id = moves.household_id
    where occasions.channel = 'web'

),

dated as (

    select
        *,
        kind = 'gift_or_event' and draw(occasion_id, 'sent elsewhere') < 0.6 as is_sent_elsewhere,
        -- most pay at once, the others by transfer within a day
        bought_at + to_seconds(cast(
            case when draw(occasion_id, 'pays later') < 0.08 then 77000 * draw(occasion_id, 'paid when') + 600
                else 60 + 1200 * draw(occasion_id, 'paid when') end as bigint
        )) as paid_at,
        bought_on + promised_days as promised_date,
        case
            when is_late then promised_days + 1 + pick(occasion_id, 'late days', 5)
            else 2 + pick(occasion_id, 'delivery days', promised_days - 1)
        end as delivery_days,
        draw(occasion_id, 'shipped when') as ship_draw
    from posted

),

clocked as (

    select
        *,
        -- by day in all of the country's time zones
        cast(case when not is_cancelled then bought_on + delivery_days + to_seconds(54000 + pick(occasion_id, 'delivered at', 32400)) end as timestamp) as delivered_at,
        cast(case when is_cancelled then bought_at + to_seconds(1800 + pick(occasion_id, 'cancelled when', 86400)) end as timestamp) as cancelled_at,
        case when not is_cancelled then greatest(
            paid_at + interval 30 minute,
            bought_on + delivery_days - 1 + to_seconds(-36000 + cast(floor(36000 * ship_draw) as bigint))
        ) end as shipped_at
    from dated

),

told as (

    -- the retailer's day is five hours behind UTC, near enough for what a machine does
    select
        *,
        cast(paid_at - interval 5 hour as date) as paid_day,
        cast(shipped_at - interval 5 hour as date)
        -- a few of these come after the delivery they precede
        + if(draw(occasion_id, 'told late') < 0.005, 9, 0) as shipped_on,
        cast(coalesce(delivered_at, cancelled_at) - interval 5 hour as date) as ended_on
    from clocked

)

select
    occasion_id,
    person_id,
    is_guest,
    landed_on,
    bought_on,
    bought_at,
    -- not paid any more when cancelled before
    if(is_cancelled and paid_at >= cancelled_at, null, paid_at) as paid_at,
    shipped_at,
    cancelled_at,
    delivered_at,
    promised_date,
    is_late and not is_cancelled as is_late,
    is_cancelled,
    if(is_cancelled and paid_at >= cancelled_at, null, greatest(paid_day, landed_on)) as paid_on,
    shipped_on,
    ended_on,
    if(
        is_sent_elsewhere,
        cast(cities.prefix as integer) * 100 + pick(occasion_id, 'gift postcode', 20),
        home_postcode
    ) as postcode_no,
    draw(occasion_id, 'gift') < if(kind = 'gift_or_event', 0.75, 0.02) as is_gift,
    is_sent_elsewhere
from told
inner join cities on pick(told.occasion_id, 'gift city', 56) = cities.city_no;

create view orders as
select
    occasion_id,
    'O' || cast(occasion_id as varchar) as order_id,
    person_id,
    -- as in `identities`; who has two accounts orders under the first
    if(is_guest, 'G' || cast(occasion_id as varchar), 'A' || cast(person_id as varchar)) as account_id,
    landed_on,
    bought_on as ordered_on,
    bought_at as ordered_at,
    paid_at,
    shipped_at,
    cancelled_at,
    promised_date,
    delivered_at,
    is_late,
    is_cancelled,
    case
        when ended_on <= last_day() then if(is_cancelled, 'cancelled', 'delivered')
        when shipped_on <= last_day() then 'shipped'
        when paid_on <= last_day() then 'paid'
        else 'placed'
    end as status,
    paid_on,
    shipped_on,
    ended_on,
    cast(postcode_no as varchar) as shipping_postcode,
    is_gift,
    is_sent_elsewhere
from order_facts;

create table returns as
with sent_back as (

    select
        occasions.occasion_id,
        occasions.person_id,
        order_facts.is_late,
        order_facts.delivered_at + to_seconds(172800 + pick(occasions.occasion_id, 'returned when', 1555200)) as returned_at,
        draw(occasions.occasion_id, 'whole order') < 0.12 as is_whole
    from order_facts
    inner join occasions on order_facts.occasion_id = occasions.occasion_id
    where
        not order_facts.is_cancelled
        and draw(order_facts.occasion_id, 'returned') < 0.25
        and draw(order_facts.occasion_id, 'returned') < if(occasions.category = 'fashion', 0.25, 0.07)

),

paid_lines as (

    select
        occasion_id,
        line_number,
        quantity,
        quantity * unit_price - discount_amount as paid_amount
    from lines
    where not is_store and occasion_id in (select occasion_id from sent_back)

),

baskets as (

    select
        occasion_id,
        count(*) as line_count,
        sum(paid_amount) as paid_amount
    from paid_lines
    group by occasion_id

),

returned as (

    select
        sent_back.*,
        baskets.line_count,
        baskets.paid_amount
    from sent_back
    inner join baskets on sent_back.occasion_id = baskets.occasion_id

),

parts as (

    -- the whole order, or one line, or now and then two lines one after the other
    select *, 1 as part_no, if(is_whole, null, 1 + pick(occasion_id, 'returned line', line_count)) as line_number
    from returned
    union all
    select *, 2, 1 + (1 + pick(occasion_id, 'returned line', line_count)) % line_count
    from returned
    where not is_whole and line_count > 1 and draw(occasion_id, 'returns again') < 0.15

),

counted as (

    select
        parts.*,
        paid_lines.quantity as line_quantity,
        paid_lines.paid_amount as line_amount,
        if(draw(parts.occasion_id * 8 + parts.part_no, 'all pieces') < 0.7, paid_lines.quantity, 1) as quantity
    from parts
    left join paid_lines
        on parts.occasion_id = paid_lines.occasion_id and parts.line_number = paid_lines.line_number

)

select
    'T' || cast(occasion_id as varchar) || '-' || cast(part_no as varchar) as return_id,
    'O' || cast(occasion_id as varchar) as order_id,
    occasion_id,
    person_id,
    cast(line_number as integer) as line_number,
    cast(quantity as integer) as quantity,
    -- rounded down to a cent: never more than what was paid
    case
        when is_whole then cast(paid_amount as decimal(18, 2))
        else cast(cast(line_amount * 100 as bigint) * quantity // line_quantity / 100.0 as decimal(18, 2))
    end as refunded_amount,
    returned_at + to_days(cast(3 * (part_no - 1) as integer)) as returned_at,
    cast(returned_at + to_days(cast(3 * (part_no - 1) as integer)) - interval 5 hour as date) as landed_on,
    case
        when is_late and draw(occasion_id, 'return reason') < 0.4 then 'arrived too late'
        else one_of(occasion_id, 'other return reason', ['does not fit', 'changed my mind', 'damaged', 'not as described', 'wrong item', null])
    end as reason
from counted
order by landed_on, return_id;
