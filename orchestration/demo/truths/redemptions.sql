-- One row per use of an offer in the feeds: who used it, and whether the code was passed on
-- (is_leaked: the person was never assigned to the campaign). is_caused_by_offer: without the offer the
-- purchase would not have happened; else it is one that the offer only made cheaper.
select
    'Q' || cast(occasions.occasion_id as varchar) as redemption_id,
    occasions.campaign_id,
    'person-' || cast(occasions.person_id as varchar) as person_id,
    redemptions.is_leaked,
    occasions.is_extra as is_caused_by_offer
from occasions
inner join redemptions on occasions.occasion_key = redemptions.occasion_key
where occasions.landed_on <= last_day()
order by redemption_id
