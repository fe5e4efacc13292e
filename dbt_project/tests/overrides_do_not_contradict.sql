-- two records that may never be one person, and are to be by way of others or directly
with clusters as (

    select record_key, cluster_key
    from {{ ref('int_identity__clusters') }}

)

select
    overrides.source_a,
    overrides.source_record_id_a,
    overrides.source_b,
    overrides.source_record_id_b
from {{ ref('identity_overrides') }} as overrides
inner join clusters as one
    on overrides.source_a || ':' || overrides.source_record_id_a = one.record_key
inner join clusters as other
    on overrides.source_b || ':' || overrides.source_record_id_b = other.record_key
where (overrides.kind = 'never_link') = (one.cluster_key = other.cluster_key)
