-- One row: orders placed from starts_on until ends_on are late more often. Shares are of all orders
-- not cancelled; a late order was delivered after the day promised.
select
    first_day() + cast(floor(0.886 * day_count()) as integer) as starts_on,
    last_day() as ends_on,
    0.08 as usual_late_share,
    0.35 as planted_late_share,
    count_if(is_late and ordered_on < first_day() + cast(floor(0.886 * day_count()) as integer)) as usual_late_count,
    count_if(is_late and ordered_on >= first_day() + cast(floor(0.886 * day_count()) as integer)) as planted_late_count
from orders
where not is_cancelled and ended_on <= last_day()
