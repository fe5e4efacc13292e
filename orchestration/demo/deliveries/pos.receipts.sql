select
    receipt_id,
    member_id,
    store_id,
    sold_at,
    landed_on
from receipts
where landed_on between getvariable('since') and getvariable('day')
-- as by receipt_id, but numbers are sorted faster
order by landed_on, occasion_id
