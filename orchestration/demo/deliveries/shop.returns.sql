select
    return_id,
    order_id,
    line_number,
    quantity,
    refunded_amount,
    strftime(returned_at, '%Y-%m-%d %H:%M:%S') as returned_at,
    reason,
    landed_on
from returns
where landed_on between getvariable('since') and getvariable('day')
order by return_id
