-- One row: the days on which opened tickets are answered factor times as slowly as on others, first
-- answers and later ones, in minutes of work, on every channel. The backlog grows while it lasts.
select
    starts_on as started_on,
    ends_on as ended_on,
    slow_factor() as factor,
    topic as together_with
from service_issues
where topic = 'login_problem'
