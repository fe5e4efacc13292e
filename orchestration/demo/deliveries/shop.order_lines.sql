-- Sent once, with the order's first row; the export repeats a few lines.
with sent as (

    select *
    from lines
    where not is_store and landed_on between getvariable('since') and getvariable('day')

),

exported as (

    select * from sent
    union all
    select * from sent where draw(occasion_id, 'lines repeated') < 0.002

)

select
    'O' || lpad(cast(occasion_id as varchar), 9, '0') as order_id,
    line_number,
    'R' || lpad(cast(product_no as varchar), 4, '0') as product_id,
    quantity,
    unit_price,
    discount_amount,
    coupon_code,
    landed_on
from exported
-- as by order_id, but numbers are sorted faster
order by occasion_id, line_number
