with records as (

    select
        source,
        source_record_id,
        is_listed,
        first_seen_at
    from {{ ref('int_identity__records') }}

)

select
    -- ids
    'c' || left(md5(source || '|' || source_record_id), 20) as customer_id,
    source,
    source_record_id,

    -- properties
    case when is_listed then 'own_key' else 'seen_in_facts' end as link_rule,
    cast(null as double) as link_weight,

    -- timestamps
    first_seen_at as valid_from,
    cast(null as timestamp) as valid_to
from records
