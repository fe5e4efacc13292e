-- One row per subscription that ended in the period, on its last day ended_on. is_loss: the person
-- then had no other subscription, the reason was not a switch of plan, and none began within 30
-- days. returned_on: the first day of the person's next subscription, null for most. is_leaver: the
-- person left the shop altogether. Whoever has a subscription and no row here was not lost.
with others as (

    select
        ended.subscription_no,
        min(other.started_on) filter (where other.started_on > ended.ended_on) as returned_on,
        coalesce(bool_or(
            other.started_on <= ended.ended_on and coalesce(other.ended_on > ended.ended_on, true)
        ), false) as has_another
    from subscriptions as ended
    inner join subscriptions as other
        on ended.person_id = other.person_id and ended.subscription_no <> other.subscription_no
    where ended.ended_on is not null
    group by ended.subscription_no

)

select
    'S' || cast(subscriptions.subscription_no as varchar) as subscription_id,
    subscriptions.account_id,
    subscriptions.member_id,
    'person-' || cast(subscriptions.person_id as varchar) as person_id,
    subscriptions.plan,
    subscriptions.started_on,
    subscriptions.ended_on,
    subscriptions.end_reason as reason,
    subscriptions.end_reason <> 'plan_switch'
    and not coalesce(others.has_another, false)
    and coalesce(others.returned_on > subscriptions.ended_on + 30, true) as is_loss,
    others.returned_on,
    subscriptions.is_leaver
from subscriptions
left join others on subscriptions.subscription_no = others.subscription_no
where subscriptions.ended_on between first_day() and last_day()
order by subscriptions.subscription_no
