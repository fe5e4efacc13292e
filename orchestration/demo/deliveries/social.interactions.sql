-- What the listening tool found on these days, and what it sends again from the day before. What
-- people write says nothing about products that reviews do not say.
with acts as (

    select
        * exclude (landed_on),
        landed_on,
        0 as copy_no
    from social_acts
    where landed_on between getvariable('since') and getvariable('day')

    union all

    select
        * exclude (landed_on),
        landed_on + 1,
        1 as copy_no
    from social_acts
    where is_redelivered and landed_on between getvariable('since') - 1 and getvariable('day') - 1

),

written as (

    select
        acts.*,
        products.product_id,
        products.subcategory,
        products.brand
    from acts
    left join products on acts.product_no = products.product_no

)

select
    'S' || cast(act_id as varchar) as interaction_id,
    iso(acted_at) as interacted_at,
    network,
    -- networks and people write handles as they like
    case
        when draw(act_id, 'handle style') < 0.04 then substr(handle, 2)
        when draw(act_id, 'handle style') < 0.07 then upper(handle)
        else handle
    end as handle,
    email,
    kind,
    case
        when kind in ('mention', 'reply') and product_no is not null
            then one_of(act_id, 'social words', [
                'Just got a new ' || subcategory || ' and I am showing it to everybody',
                'Anyone else with a ' || subcategory || ' by ' || brand || '?',
                'Thinking about this ' || subcategory || ' for months',
                'My ' || subcategory || ' came today!'
            ])
        when kind in ('mention', 'reply')
            then one_of(act_id, 'social words', [
                'Had a look around the shop today',
                'Who is waiting for the weekend offers?',
                'Thanks for the quick answer!',
                'See you in the store on Saturday :)',
                'Nice window this month'
            ])
        when kind = 'message'
            then one_of(act_id, 'social words', [
                'Hi, are you open on Sunday?',
                'Do you have this in other sizes?',
                'When will my order come?',
                'Can I bring something back to any store?',
                'How can I join the club?'
            ])
    end as text,
    product_id,
    landed_on
from written
order by landed_on, act_id, copy_no
