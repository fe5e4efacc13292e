-- What the card brings stands apart from what a coupon of the retailer brings; there are no coupons
-- of issuers.
select
    'X' || cast(lines.occasion_id as varchar) as receipt_id,
    lines.line_number,
    products.product_id,
    lines.quantity,
    cast(lines.quantity * lines.unit_price - lines.discount_amount as decimal(18, 2)) as sales_amount,
    if(lines.coupon_code is null, lines.discount_amount, 0) as loyalty_discount,
    if(lines.coupon_code is null, 0, lines.discount_amount) as store_coupon_discount,
    cast(0 as decimal(18, 2)) as coupon_discount,
    lines.coupon_code,
    lines.landed_on
from lines
inner join products on lines.product_no = products.product_no
where lines.is_store and lines.landed_on between getvariable('since') and getvariable('day')
-- as by receipt_id, but numbers are sorted faster
order by lines.landed_on, lines.occasion_id, lines.line_number
