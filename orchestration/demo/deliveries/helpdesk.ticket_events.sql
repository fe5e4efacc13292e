with delivered as (

    select ticket_no, event_no, happened, 1 as copy, landed_on
    from ticket_events
    where landed_on between getvariable('since') and getvariable('day')

    union all

    -- again, because nobody said that it came
    select ticket_no, event_no, happened, 2, landed_on + 1
    from ticket_events
    where landed_on between getvariable('since') - 1 and getvariable('day') - 1 and is_sent_twice

)

select
    'E' || cast(delivered.ticket_no * 64 + delivered.event_no as varchar) as event_id,
    'T' || cast(delivered.ticket_no as varchar) as ticket_id,
    iso(to_utc(desk_clock(delivered.happened), desk_zone())) as event_at,
    event_kinds.author_role,
    event_kinds.kind,
    event_kinds.is_public,
    case
        when delivered.event_no = 3 then ticket_times.initial_priority
        when delivered.event_no = 7 then ticket_times.moved_priority
        when delivered.event_no = 5 then 'agent-' || lpad(cast(1 + pick(delivered.ticket_no, 'agent', 40) as varchar), 3, '0')
        when delivered.event_no = 13 then 'team-' || cast(1 + pick(delivered.ticket_no, 'team', 6) as varchar)
        when delivered.event_no = 19 then 'agent-' || lpad(cast(1 + pick(delivered.ticket_no, 'second agent', 40) as varchar), 3, '0')
        else event_kinds.value
    end as value,
    case
        when event_kinds.says is null then null
        when ticket_times.ending = 'spam' then 'Only today: press the button and win.'
        else case event_kinds.says
            when 'question' then
                case tickets.topic
                    when 'delivery_late' then 'My parcel should be here by now and is not. Where is it?'
                    when 'unavailable_product' then 'I want to order this and it says sold out. When will it be back?'
                    when 'damaged_item' then 'It arrived broken. Please send me a new one.'
                    when 'wrong_item' then 'There was something else in the box than I ordered.'
                    when 'refund_missing' then 'I sent it back weeks ago and the money is still missing.'
                    when 'coupon_not_working' then 'The coupon code is refused at checkout.'
                    when 'login_problem' then 'I cannot log in any more, the app says the password is wrong.'
                    when 'payment_failed' then 'My payment failed twice, please check.'
                    when 'product_question' then 'I have a question about a product before I buy it.'
                    else 'The points of my last purchase are not on my card.'
                end
                || case when draw(delivered.ticket_no, 'signs') < 0.05 then ' Call me on 555-' || lpad(cast(pick(delivered.ticket_no, 'signs with', 10000) as varchar), 4, '0') || '.' else '' end
            when 'opening' then 'We saw that something went wrong and would like to put it right.'
            when 'receipt' then 'Thank you, we have got your message. This is an automatic answer.'
            when 'note' then one_of(delivered.ticket_no, 'note text', ['Checked the order, looks right.', 'Asked the warehouse.', 'Third contact this year.', 'See the template for this.'])
            when 'merged' then 'Same question as in the other ticket, merged.'
            when 'more' then one_of(delivered.ticket_no * 64 + delivered.event_no, 'more text', ['Thanks, but that did not help.', 'Here is what you asked for.', 'Any news?', 'It still happens.'])
            when 'again' then 'Sorry, it is not solved after all.'
            else one_of(delivered.ticket_no * 64 + delivered.event_no, 'answer text', ['Thank you for writing. We have looked into it.', 'We are sorry about that and are on it.', 'Could you send us the number of the order?', 'This is done now. Please tell us if it is not.'])
        end
    end as text,
    delivered.landed_on
from delivered
inner join event_kinds on delivered.event_no = event_kinds.event_no
inner join tickets on delivered.ticket_no = tickets.ticket_no
inner join ticket_times on delivered.ticket_no = ticket_times.ticket_no
order by delivered.landed_on, delivered.ticket_no, delivered.event_no, delivered.copy
