-- One row per topic of the help desk. Planted issues have started_on and ended_on (both included) and
-- multiple: how many times as often an order of `category` (null: any) brings such a ticket in that
-- time; ramp_days: reached evenly after so many days. delivery_late has no multiple of its own: more
-- orders are late, each brings a ticket as often as ever. topic_multiple: what the whole topic came
-- to, tickets per web order inside the time over tickets per web order outside it, counted.
-- Null topics have null everywhere: nothing was planted, only chance and the lag behind the orders.
with topics as (

    select segment as topic
    from csat_chances
    where touchpoint = 'ticket' and not ends_with(segment, ' in issue')

),

-- those that begin before the period ends
issues as (

    select *
    from service_issues
    where starts_on <= ends_on

),

counted as (

    select
        topics.topic,
        count(*) filter (where desk_day(tickets.created) between issues.starts_on and issues.ends_on) as tickets_inside,
        count(tickets.ticket_no) as ticket_count
    from topics
    left join tickets on topics.topic = tickets.topic and tickets.ending is null
    left join issues on topics.topic = issues.topic
    group by topics.topic

),

orders_inside as (

    select
        issues.topic,
        count(*) filter (where orders.ordered_on between issues.starts_on and issues.ends_on) as orders_inside,
        count(*) as order_count
    from issues
    cross join (select bought_on as ordered_on from occasions where channel = 'web') as orders
    group by issues.topic

)

select
    counted.topic,
    issues.category,
    issues.starts_on as started_on,
    issues.ends_on as ended_on,
    issues.multiple,
    issues.ramp_days,
    counted.ticket_count,
    if(issues.topic is null, null, counted.tickets_inside) as tickets_inside,
    round(
        (counted.tickets_inside / nullif(orders_inside.orders_inside, 0))
        / nullif((counted.ticket_count - counted.tickets_inside) / nullif(orders_inside.order_count - orders_inside.orders_inside, 0), 0),
        2
    ) as topic_multiple
from counted
left join issues on counted.topic = issues.topic
left join orders_inside on counted.topic = orders_inside.topic
order by counted.topic
