-- The tills know the card, the web shop the account; both are as in `identities`.
with used as (

    select
        occasions.*,
        cast(occasions.occasion_id as varchar) as number,
        cast(occasions.person_id as varchar) as person_number,
        redemptions.is_member,
        redemptions.campaign_no
    from occasions
    inner join redemptions on occasions.occasion_key = redemptions.occasion_key
    where occasions.is_redeemed and occasions.landed_on between getvariable('since') and getvariable('day')

)

select
    'Q' || used.number as redemption_id,
    campaigns.campaign_id,
    campaigns.coupon_code,
    if(used.channel = 'store' and used.is_member, 'L' || used.person_number, null) as member_id,
    if(used.channel = 'web', 'A' || used.person_number, null) as account_id,
    iso(used.bought_at) as redeemed_at,
    if(used.channel = 'store', 'X' || used.number, null) as receipt_id,
    if(used.channel = 'web', 'O' || used.number, null) as order_id,
    used.landed_on
from used
inner join campaigns on used.campaign_no = campaigns.campaign_no
order by used.landed_on, used.occasion_id
