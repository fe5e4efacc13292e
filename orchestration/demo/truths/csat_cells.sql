-- One row per touchpoint and segment of the CSAT surveys: touchpoint 'ticket' (scale 1 to 5; segment: the
-- topic, with ' in issue' for tickets opened during a planted issue) or 'order' (scale 1 to 7; segment
-- 'late' or 'in time'). satisfied: planted probability of an answer of 75 or more on 0 to 100, the top
-- two of five or of seven. mean: the planted mean on 0 to 100. answered: answers that count by the last
-- day. is_planted: lower than usual on purpose.
select
    chances.touchpoint,
    chances.segment,
    1 as scale_min,
    if(chances.touchpoint = 'ticket', 5, 7) as scale_max,
    cast(chances.satisfied as double) as satisfied,
    round(cast(case chances.touchpoint
        when 'ticket' then 90 * chances.satisfied + 25 * (1 - chances.satisfied)
        else 92.5 * chances.satisfied + 43.333 * (1 - chances.satisfied)
    end as double), 2) as mean,
    count(answers.ask_no) as answered,
    chances.is_planted
from csat_chances as chances
left join survey_answers as answers
    on
        answers.kind = if(chances.touchpoint = 'ticket', 3, 4)
        and chances.segment = answers.segment
        and answers.is_counted
group by all
order by chances.touchpoint, chances.segment
