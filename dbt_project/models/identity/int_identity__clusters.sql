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
{{ resolve_clusters(
    affected=ref('int_identity__affected_records'),
    profiles=ref('int_identity__profiles'),
    scores=ref('int_identity__scores'),
    weights=ref('int_identity__weights'),
    overrides=ref('identity_overrides')
) }}

with resolved as (

    select node, record_key, label, island
    from resolved

),

clusters as (

    select
        label,
        min(record_key) as cluster_key,
        count(*) as record_count
    from resolved
    group by label

),

links as (

    select
        scores.a,
        scores.b,
        scores.rule,
        scores.match_weight
    from some_scores as scores
    inner join resolved as one on scores.a = one.node
    inner join resolved as other on scores.b = other.node
    where one.label = other.label

),

sides as (

    select a as record_no, b as other, rule, match_weight from links
    union all
    select b as record_no, a as other, rule, match_weight from links

),

greatest_weights as (

    select record_no, max(match_weight) as match_weight
    from sides
    group by record_no

),

strongest as (

    -- of several as strong, the one with the smallest number
    select
        sides.record_no,
        min_by(sides.rule, sides.other) as rule,
        max(sides.match_weight) as match_weight
    from sides
    inner join greatest_weights
        on
            sides.record_no = greatest_weights.record_no
            and sides.match_weight = greatest_weights.match_weight
    group by sides.record_no

)

select
    resolved.node as record_no,
    resolved.record_key,
    clusters.cluster_key,
    case
        when strongest.rule is not null then strongest.rule
        when clusters.record_count > 1 then 'override'
        else 'own_key'
    end as link_rule,
    strongest.match_weight as link_weight,
    resolved.island
from resolved
inner join clusters on resolved.label = clusters.label
left join strongest on resolved.node = strongest.record_no
