-- One row per stage. Of the journeys of known people that led to a purchase or to nothing (without
-- those planted for the last day, and without those of strangers): how many have events of this
-- stage (journeys), how many of them ended in a purchase (bought), and how many were given up with
-- this stage as the highest (abandoned). Purchases of people whom the tracker does not see have no
-- journey.
with told as (

    select
        paths.has_explore,
        paths.has_inform,
        paths.has_intent,
        paths.kind,
        paths.last_stage,
        count(*) as journeys
    from journeys
    inner join paths on journeys.path = paths.path
    where journeys.kind != 'planted' and journeys.ended_on between first_day() and last_day()
    group by all

),

stages as (

    select unnest(['explore', 'inform', 'intent', 'purchase']) as stage, unnest(range(1, 5)) as stage_no

)

select
    stages.stage,
    cast(sum(told.journeys) as bigint) as journeys,
    cast(coalesce(sum(told.journeys) filter (where told.kind = 'bought'), 0) as bigint) as bought,
    cast(coalesce(sum(told.journeys) filter (where told.kind = 'abandoned' and told.last_stage = stages.stage), 0) as bigint) as abandoned
from stages
inner join told
    on case stages.stage
        when 'explore' then told.has_explore
        when 'inform' then told.has_inform
        when 'intent' then told.has_intent
        else told.kind = 'bought'
    end
group by stages.stage, stages.stage_no
order by stages.stage_no
