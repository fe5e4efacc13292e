-- Who subscribes to what by the month, and how that ends.
--
-- subscriptions(subscription_no, person_id, account_id, member_id, plan, monthly_fee, started_on,
--          cancelled_on, ended_on, end_reason, is_leaver, started_landed_on, cancelled_landed_on):
--          one row per subscription. Its last day is ended_on, always the last of a month paid for;
--          null when no end is known by the last day.
-- slot (subscription_no % 8): 0 the first, 1 the one after a switch of plan, 2 another plan beside it,
--          3 one taken again after the first had ended.
-- Base rates, our assumptions: 12 % of the people with an account; an end in 2.6 % of the months, a
-- quarter of them because a payment failed; a switch of plan in 12 % of the subscriptions, another
-- plan beside it in 4 %; 8 % come back, half of them within 25 days. Who leaves the shop ends the
-- subscription in four cases of five; who moves, in one of six.

create table subscriptions as
with holders as (

    select
        records.person_id,
        records.record_id as account_id,
        records.created_on,
        behaviours.left_on,
        moves.moved_on,
        identities.member_id,
        if(draw(records.person_id, 'plan') < 0.6, 'delivery_pass', 'style_box') as first_plan
    from records
    inner join behaviours on records.person_id = behaviours.person_id
    inner join identities on records.person_id = identities.person_id
    left join moves on records.household_id = moves.household_id
    where records.slot = 3 and draw(records.person_id, 'subscribes') < 0.12

),

begun as (

    select
        *,
        greatest(
            created_on + 1,
            first_day() - 700 + cast(floor((690 + day_count()) * draw(person_id, 'subscribes when')) as integer)
        ) as begun_on
    from holders

),

first_ends as (

    select
        *,
        -- months paid for
        cast(1 + floor(wait(person_id, 'subscription ends') / 0.026) as integer) as own_months,
        if(draw(person_id, 'switches plan') < 0.12, 3 + pick(person_id, 'switches when', 18), null) as switch_months,
        case when draw(person_id, 'leaver ends') < 0.8 and left_on > begun_on
            then cast(datediff('month', begun_on, left_on) + 1 as integer) end as leaving_months,
        case when draw(person_id, 'mover ends') < 0.16 and moved_on > begun_on
            then cast(datediff('month', begun_on, moved_on) + 1 as integer) end as moving_months
    from begun
    where left_on is null or begun_on < left_on

),

firsts as (

    select
        *,
        least(own_months, switch_months, leaving_months, moving_months) as months,
        case least(own_months, switch_months, leaving_months, moving_months)
            when leaving_months then case
                when draw(person_id, 'leaver reason') < 0.65 then 'voluntary'
                when draw(person_id, 'leaver reason') < 0.90 then 'payment'
                else 'moved_or_deceased'
            end
            when moving_months then 'moved_or_deceased'
            when switch_months then 'plan_switch'
            else if(draw(person_id, 'end reason') < 0.74, 'voluntary', 'payment')
        end as reason
    from first_ends

),

ended as (

    select
        *,
        cast(begun_on + to_months(months) as date) - 1 as over_on
    from firsts

),

all_plans as (

    select person_id * 8 as subscription_no, first_plan as plan, begun_on as started_on, over_on, reason
    from ended

    union all

    select
        person_id * 8 + 1,
        if(first_plan = 'style_box', 'delivery_pass', 'style_box'),
        over_on + 1,
        cast(over_on + 1 + to_months(cast(1 + floor(wait(person_id, 'second plan ends') / 0.026) as integer)) as date) - 1,
        if(draw(person_id, 'second end reason') < 0.74, 'voluntary', 'payment')
    from ended
    where reason = 'plan_switch'

    union all

    select
        person_id * 8 + 2,
        if(first_plan = 'style_box', 'delivery_pass', 'style_box'),
        begun_on + 40,
        cast(begun_on + 40 + to_months(cast(1 + floor(wait(person_id, 'other plan ends') / 0.026) as integer)) as date) - 1,
        if(draw(person_id, 'other end reason') < 0.74, 'voluntary', 'payment')
    from ended
    where draw(person_id, 'other plan') < 0.04

    union all

    select
        person_id * 8 + 3,
        first_plan,
        over_on + if(draw(person_id, 'comes back') < 0.04, 8 + pick(person_id, 'comes back when', 17), 70 + pick(person_id, 'comes back when', 80)),
        null,
        null
    from ended
    where reason in ('voluntary', 'payment') and left_on is null and draw(person_id, 'comes back') < 0.08

),

decided as (

    select
        all_plans.*,
        ended.account_id,
        ended.member_id,
        ended.left_on,
        -- asked for within the last month paid for
        all_plans.over_on - 1 - pick(all_plans.subscription_no, 'cancelled when', 26) as decided_on
    from all_plans
    inner join ended on all_plans.subscription_no // 8 = ended.person_id

),

known as (

    -- an end decided after the last day is not known
    select
        *,
        coalesce(decided_on <= last_day(), false) as has_end
    from decided
    where started_on <= last_day() and (left_on is null or started_on < left_on)

)

select
    subscription_no,
    subscription_no // 8 as person_id,
    -- one in twelve was sold in a store, to the card
    if(member_id is not null and draw(subscription_no, 'sold in store') < 0.08, null, account_id) as account_id,
    if(draw(subscription_no, 'card given') < 0.4 or draw(subscription_no, 'sold in store') < 0.08, member_id, null) as member_id,
    plan,
    cast(if(plan = 'style_box', 24.00, 9.99) as decimal(18, 2)) as monthly_fee,
    started_on,
    if(has_end, decided_on, null) as cancelled_on,
    if(has_end, over_on, null) as ended_on,
    if(has_end, reason, null) as end_reason,
    coalesce(left_on is not null and has_end, false) as is_leaver,
    greatest(first_day(), started_on) as started_landed_on,
    if(has_end, greatest(first_day(), started_on, decided_on), null) as cancelled_landed_on
from known
order by subscription_no;
