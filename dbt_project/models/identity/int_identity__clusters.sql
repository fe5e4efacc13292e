with records as (

    select record_key, source, source_record_id
    from {{ ref('int_identity__identifiers') }}

)

-- PLACEHOLDER of the core branch: every record is a cluster of its own
select
    record_key,
    source,
    source_record_id,
    record_key as cluster_key,
    'own_key' as link_rule,
    cast(null as double) as link_weight
from records
