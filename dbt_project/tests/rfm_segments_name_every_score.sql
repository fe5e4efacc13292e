-- 125 combinations of scores, each with one name, and prospects without scores
select
    count(*) as row_count,
    count(distinct rfm_r * 100 + rfm_f * 10 + rfm_m) as cell_count
from {{ ref('rfm_segments') }}
having
    count(*) <> 126
    or count(distinct rfm_r * 100 + rfm_f * 10 + rfm_m) <> 125
    or min(least(rfm_r, rfm_f, rfm_m)) <> 1
    or max(greatest(rfm_r, rfm_f, rfm_m)) <> 5
    or count_if(rfm_r is null and rfm_f is null and rfm_m is null) <> 1
    or count_if(rfm_segment = 'prospects' and coalesce(rfm_r, rfm_f, rfm_m) is null) <> 1
