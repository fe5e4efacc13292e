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
    'O' || cast(exported.occasion_id as varchar) as order_id,
    exported.line_number,
    products.product_id,
    exported.quantity,
    exported.unit_price,
    exported.discount_amount,
    exported.coupon_code,
    exported.landed_on
from exported
inner join products on exported.product_no = products.product_no
-- as by order_id, but numbers are sorted faster
order by exported.landed_on, exported.occasion_id, exported.line_number
