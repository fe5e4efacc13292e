-- A code good for everything has no product. The campaign system repeats some rows.
select
    campaigns.coupon_code,
    campaigns.campaign_id,
    products.product_id,
    greatest(campaigns.starts_on - 3, first_day()) as landed_on
from campaigns
left join products on campaigns.category = products.category
cross join range(if(draw(coalesce(products.product_no, campaigns.campaign_no), 'coupon repeated') < 0.1, 2, 1)) as repeats (repeat_no)
where
    campaigns.coupon_code is not null
    and greatest(campaigns.starts_on - 3, first_day()) between getvariable('since') and getvariable('day')
order by campaigns.coupon_code, campaigns.campaign_id, products.product_id
