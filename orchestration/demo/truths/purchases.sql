-- One row per purchase in the feeds that is not a real one: the order's (O..) or receipt's (X..) number,
-- who really made it, and what kind of purchase it is. Guests and receipts without a card are told too.
-- purchased_on: the day where the buyer lives. kind: routine (of regular people), stock_up,
-- gift_or_event (Black Friday, Christmas), irregular. campaign_id: the offer used, or without which it
-- would not have happened (is_caused_by_offer).
select
    if(channel = 'store', 'X', 'O') || cast(occasion_id as varchar) as purchase_id,
    'person-' || cast(person_id as varchar) as person_id,
    bought_on as purchased_on,
    kind,
    category,
    campaign_id,
    is_extra as is_caused_by_offer
from occasions
where landed_on <= last_day()
order by landed_on, occasion_key
