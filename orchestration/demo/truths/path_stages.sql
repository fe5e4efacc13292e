-- One row per person and category of which the stage of the path to purchase is known as of the end
-- of the last day. is_planted: made for it; else the stage follows from the person's own events
-- without doubt (dormant: nothing for 90 days after something; null: never anything, no stage).
-- entered_on: day of the first event of that stage, in the person's time zone; for dormant, 60 days
-- after the last event; null when not known. Cells without a row may be anything.
with activity as (

    -- what can be attributed without doubt: own and signed in, or bought
    select
        person_id,
        category_no,
        max(day_on) as last_on,
        max(sure_on) as last_sure_on
    from (
        select
            person_id,
            category_no,
            cast(started_at - interval 4 hour as date) as day_on,
            if(account > 0, cast(started_at - interval 4 hour as date), null) as sure_on
        from sessions
        where person_id is not null and category_no is not null

        union all

        select
            occasions.person_id,
            category_numbers.category_no,
            occasions.bought_on,
            if(occasions.is_guest, null, occasions.bought_on)
        from occasions
        inner join category_numbers on occasions.category = category_numbers.category
        where occasions.person_id in (select person_id from browsers)
    )
    group by person_id, category_no

),

planted_visits as (

    select
        sessions.journey_id,
        sessions.script,
        min(cast(sessions.started_at - to_hours(shop_hours.hours) as date)) as first_on,
        max(cast(sessions.started_at - to_hours(shop_hours.hours) as date)) as last_on
    from sessions
    inner join shop_hours on cast(sessions.started_at as date) = shop_hours.utc_date
    where sessions.path between 21 and 25 and sessions.landed_on <= last_day()
    group by sessions.journey_id, sessions.script

),

planted as (

    select
        stage_cells.person_id,
        stage_cells.category_no,
        stage_cells.stage,
        case
            when stage_cells.stage = 'purchase' then max(stage_cells.ended_on)
            when stage_cells.stage = 'dormant' then max(planted_visits.last_on) + 60
            else min(planted_visits.first_on) filter (
                where planted_visits.script = case stage_cells.stage
                    when 'intent' then 'cart' when 'after_purchase' then 'after' else stage_cells.stage
                end
            )
        end as entered_on,
        true as is_planted
    from stage_cells
    left join planted_visits
        on (stage_cells.person_id * 2 + stage_cells.cell_no - 1) * 10 + 3 = planted_visits.journey_id
    group by stage_cells.person_id, stage_cells.category_no, stage_cells.stage

),

others as (

    select
        browsers.person_id,
        category_numbers.category_no,
        if(activity.person_id is null, null, 'dormant') as stage,
        if(activity.person_id is null, null, activity.last_on + 60) as entered_on,
        false as is_planted
    from browsers
    cross join category_numbers
    left join activity on browsers.person_id = activity.person_id and category_numbers.category_no = activity.category_no
    left join stage_cells on browsers.person_id = stage_cells.person_id and category_numbers.category_no = stage_cells.category_no
    where
        stage_cells.person_id is null
        and browsers.is_active
        and not browsers.has_tablet
        and (
            activity.person_id is null
            or (activity.last_on < last_day() - 90 and activity.last_sure_on = activity.last_on)
        )

)

select
    'person-' || cast(cells.person_id as varchar) as person_id,
    category_numbers.category,
    cells.stage,
    cells.entered_on,
    cells.is_planted
from (select * from planted union all select * from others) as cells
inner join category_numbers on cells.category_no = category_numbers.category_no
order by cells.person_id, category_numbers.category
