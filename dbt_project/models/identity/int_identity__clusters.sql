{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{% if is_incremental() %}
        delete from {{ this }}
        where record_no in (select record_no from {{ ref('int_identity__affected_records') }})
    {% endif %}"
) }}
-- depends_on: {{ ref('int_identity__affected_records') }}
-- depends_on: {{ ref('int_identity__profiles') }}
-- depends_on: {{ ref('int_identity__scores') }}
-- depends_on: {{ ref('int_identity__weights') }}
-- depends_on: {{ ref('identity_overrides') }}
{{ resolve_affected(
    affected=ref('int_identity__affected_records'),
    profiles=ref('int_identity__profiles'),
    scores=ref('int_identity__scores'),
    overrides=ref('identity_overrides')
) }}

with profiles as (

    select record_no, record_key, source, source_record_id
    from some_profiles

),

scores as (

    select a, b, rule, match_weight
    from some_scores

),

clusters as (

    select
        profiles.record_no,
        profiles.record_key,
        resolved.island,
        min(profiles.record_key) over (partition by resolved.label) as cluster_key
    from profiles
    inner join resolved on profiles.record_no = resolved.node

),

links as (

    select
        scores.a,
        scores.b,
        scores.rule,
        scores.match_weight
    from scores
    inner join clusters as one on scores.a = one.record_no
    inner join clusters as other on scores.b = other.record_no
    where one.cluster_key = other.cluster_key

),

strongest as (

    select
        record_no,
        rule,
        match_weight
    from (
        select a as record_no, b as other, rule, match_weight from links
        union all
        select b as record_no, a as other, rule, match_weight from links
    ) as sides
    qualify row_number() over (
        partition by record_no order by match_weight desc, other asc
    ) = 1

)

select
    clusters.record_no,
    clusters.record_key,
    profiles.source,
    profiles.source_record_id,
    clusters.cluster_key,
    case
        when strongest.rule is not null then strongest.rule
        when count(*) over (partition by clusters.cluster_key) > 1 then 'override'
        else 'own_key'
    end as link_rule,
    strongest.match_weight as link_weight,
    clusters.island
from clusters
inner join profiles on clusters.record_no = profiles.record_no
left join strongest on clusters.record_no = strongest.record_no
