-- Announced three days before; the shop-wide promotions have no audience and no cost of contact.
with announced as (

    select
        campaign_id, name, kind, mechanic, channel, starts_on, ends_on, contact_cost,
        greatest(starts_on - 3, first_day()) as landed_on
    from campaigns

    union all

    select
        promotion_id, 'Promotion ' || promotion_id, 'price', 'Reduced prices for everybody', null,
        starts_on, ends_on, null, greatest(starts_on - 3, first_day())
    from promotions

)

select campaign_id, name, kind, mechanic, channel, starts_on, ends_on, contact_cost, landed_on
from announced
where landed_on between getvariable('since') and getvariable('day')
order by campaign_id
