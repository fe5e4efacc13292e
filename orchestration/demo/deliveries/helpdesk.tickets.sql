select
    'T' || cast(tickets.ticket_no as varchar) as ticket_id,
    tickets.requester_email,
    tickets.requester_phone,
    tickets.account_id,
    tickets.channel,
    case
        when tickets.slot = 3
            then one_of(tickets.ticket_no, 'subject', ['Cheap loans, answer now', 'You have won a prize', 'Boost your ranking today'])
        else one_of(tickets.ticket_no, 'subject', case tickets.topic
            when 'delivery_late' then ['Where is my parcel?', 'Delivery is late', 'Order has not arrived', 'Parcel late again', 'Still waiting for my delivery']
            when 'unavailable_product' then ['Product not available', 'Out of stock again', 'When is it back in stock?', 'Cannot order, sold out']
            when 'damaged_item' then ['Item arrived damaged', 'Broken on arrival', 'Damaged in the box', 'It came with a crack']
            when 'wrong_item' then ['Wrong item in the parcel', 'I got something else', 'Not what I ordered', 'Wrong size sent']
            when 'refund_missing' then ['Refund missing', 'Where is my refund?', 'Money not back yet', 'Sent it back, no refund']
            when 'coupon_not_working' then ['Coupon not working', 'Coupon code refused', 'Discount code has no effect', 'Voucher not accepted']
            when 'login_problem' then ['Cannot log in', 'Login fails in the app', 'Password not accepted', 'Locked out of my account']
            when 'payment_failed' then ['Payment failed', 'Card declined', 'Charged but no order', 'Payment page shows an error']
            when 'product_question' then ['Question about a product', 'Does it fit?', 'Which size should I take?', 'How do I clean it?']
            else ['Loyalty points missing', 'Points not on my card', 'Wrong number of points', 'How do I use my points?']
        end)
    end as subject,
    case
        when versions.status = 'closed' and tickets.ending = 'merged' then 'closed_by_merge'
        when versions.status = 'closed' and tickets.ending = 'spam' then 'spam'
        when tickets.has_topic then tickets.topic
    end as topic,
    versions.priority,
    versions.status,
    iso(to_utc(desk_clock(tickets.created), desk_zone())) as created_at,
    iso(to_utc(desk_clock(versions.solved), desk_zone())) as solved_at,
    tickets.order_id,
    iso(to_utc(desk_clock(versions.updated), desk_zone())) as updated_at,
    versions.landed_on
from ticket_versions as versions
inner join tickets on versions.ticket_no = tickets.ticket_no
where versions.landed_on between getvariable('since') and getvariable('day')
order by versions.landed_on, versions.ticket_no, versions.updated
