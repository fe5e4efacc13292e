{{ config(materialized='view') }}

with clusters as (

    select record_no, record_key, cluster_key
    from {{ ref('int_identity__clusters') }}

),

scores as (

    select a, b, rule, match_weight
    from {{ ref('int_identity__scores') }}

)

select
    one.record_key as record_key_a,
    other.record_key as record_key_b,
    scores.rule,
    scores.match_weight
from scores
inner join clusters as one on scores.a = one.record_no
inner join clusters as other on scores.b = other.record_no
where one.cluster_key = other.cluster_key
