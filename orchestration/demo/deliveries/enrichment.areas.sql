select
    postcode_area,
    as_of_date,
    population,
    median_income,
    share_owner_occupied,
    share_under_30,
    share_online_shoppers,
    source,
    landed_on
from areas
where landed_on between getvariable('since') and getvariable('day')
order by postcode_area, as_of_date
