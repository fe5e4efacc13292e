-- What the card brings stands apart from what a coupon of the retailer brings; there are no coupons
-- of issuers.
select
    'X' || lpad(cast(occasion_id as varchar), 9, '0') as receipt_id,
    line_number,
    'R' || lpad(cast(product_no as varchar), 4, '0') as product_id,
    quantity,
    cast(quantity * unit_price - discount_amount as decimal(18, 2)) as sales_amount,
    if(coupon_code is null, discount_amount, 0) as loyalty_discount,
    if(coupon_code is null, 0, discount_amount) as store_coupon_discount,
    cast(0 as decimal(18, 2)) as coupon_discount,
    coupon_code,
    landed_on
from lines
where is_store and landed_on between getvariable('since') and getvariable('day')
-- as by receipt_id, but numbers are sorted faster
order by occasion_id, line_number
