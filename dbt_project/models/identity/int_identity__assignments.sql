{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook=[
        "{{ delete_contended('record_key') }}",
        "{% if follows_ledger() %}
            update {{ this }}
            set previous_customer_id = customer_id, is_changed = false
            where customer_id is distinct from previous_customer_id
        {% endif %}",
    ]
) }}
-- depends_on: {{ ref('int_identity__contended_records') }}

with members as (

    {{ cluster_members(
        ref('int_identity__records'),
        ref('int_identity__clusters'),
        contended_keys()
    ) }}

),

intervals as (

    select
        record_key,
        customer_id,
        assigned_at,
        assigned_in,
        valid_to
    from {{ source('ledger', 'assignments') }}
    {{ where_contended('record_key') }}

),

known_customers as (

    select customer_id, created_at
    from {{ source('ledger', 'customers') }}

),

records_with_past as (

    select record_key, min(assigned_in) as first_assigned_in
    from intervals
    group by record_key
    having count(*) > 1

),

held as (

    -- every customer a record ever belonged to; most had but one
    select
        intervals.record_key,
        intervals.customer_id,
        intervals.valid_to is null as is_open,
        true as is_first,
        intervals.assigned_at as held_since,
        intervals.assigned_in as last_assigned_in
    from intervals
    left join records_with_past on intervals.record_key = records_with_past.record_key
    where records_with_past.record_key is null
    union all
    select
        intervals.record_key,
        intervals.customer_id,
        bool_or(intervals.valid_to is null) as is_open,
        min(intervals.assigned_in) = records_with_past.first_assigned_in as is_first,
        min(intervals.assigned_at) as held_since,
        max(intervals.assigned_in) as last_assigned_in
    from intervals
    inner join records_with_past on intervals.record_key = records_with_past.record_key
    group by intervals.record_key, intervals.customer_id, records_with_past.first_assigned_in

),

claims as (

    -- the customer's records claim the cluster they are in
    select
        held.customer_id,
        members.cluster_key,
        count_if(held.is_open) as open_count,
        -- without those that another customer brought along: they have an id of their own to go
        -- back to
        count_if(held.is_open and held.is_first) as own_open_count,
        count(*) as record_count,
        count_if(held.is_first) as own_count,
        max(held.last_assigned_in) as last_assigned_in,
        min(held.held_since) as held_since,
        min(members.first_seen_at) as first_seen_at,
        min(members.record_key) as smallest_record_key
    from held
    inner join members on held.record_key = members.record_key
    group by held.customer_id, members.cluster_key

),

split_customers as (

    select customer_id
    from claims
    where open_count > 0
    group by customer_id
    having count(*) > 1

),

choices as (

    select claims.customer_id, claims.cluster_key
    from claims
    left join split_customers on claims.customer_id = split_customers.customer_id
    where claims.open_count > 0 and split_customers.customer_id is null
    union all
    -- a split: the largest part keeps the id
    select claims.customer_id, claims.cluster_key
    from claims
    inner join split_customers on claims.customer_id = split_customers.customer_id
    where claims.open_count > 0
    qualify row_number() over (
        partition by claims.customer_id
        order by
            claims.own_open_count desc,
            claims.open_count desc,
            claims.held_since asc,
            claims.first_seen_at asc,
            claims.smallest_record_key asc
    ) = 1

),

merged_clusters as (

    select cluster_key
    from choices
    group by cluster_key
    having count(*) > 1

),

kept as (

    select choices.cluster_key, choices.customer_id
    from choices
    left join merged_clusters on choices.cluster_key = merged_clusters.cluster_key
    where merged_clusters.cluster_key is null
    union all
    -- a merge: the oldest id survives
    select choices.cluster_key, choices.customer_id
    from choices
    inner join merged_clusters on choices.cluster_key = merged_clusters.cluster_key
    inner join known_customers on choices.customer_id = known_customers.customer_id
    qualify row_number() over (
        partition by choices.cluster_key
        order by known_customers.created_at, choices.customer_id
    ) = 1

),

lasting as (

    -- customers of records that nothing is decided about: those are left here
    {{ lasting_customers('claims') }}

),

former_claims as (

    -- of ids that no record here has now: their records were away, or with another customer
    select
        claims.customer_id,
        claims.cluster_key,
        claims.record_count,
        claims.own_count,
        claims.last_assigned_in,
        claims.held_since,
        claims.first_seen_at,
        claims.smallest_record_key
    from claims
    left join choices on claims.customer_id = choices.customer_id
    left join kept on claims.cluster_key = kept.cluster_key
    where
        choices.customer_id is null
        and kept.cluster_key is null
        and claims.customer_id not in (select lasting.customer_id from lasting)

),

former_choices as (

    select
        customer_id,
        cluster_key,
        record_count,
        last_assigned_in
    from former_claims
    qualify row_number() over (
        partition by customer_id
        order by
            own_count desc,
            record_count desc,
            held_since asc,
            first_seen_at asc,
            smallest_record_key asc
    ) = 1

),

taken_back as (

    select former_choices.cluster_key, former_choices.customer_id
    from former_choices
    inner join known_customers on former_choices.customer_id = known_customers.customer_id
    qualify row_number() over (
        partition by former_choices.cluster_key
        order by
            former_choices.last_assigned_in desc,
            former_choices.record_count desc,
            known_customers.created_at asc,
            former_choices.customer_id asc
    ) = 1

),

named as (

    select cluster_key, customer_id
    from kept
    union all
    select cluster_key, customer_id
    from taken_back

),

anchors as (

    select members.cluster_key, min(members.record_key) as record_key
    from members
    left join named on members.cluster_key = named.cluster_key
    where named.cluster_key is null
    group by members.cluster_key

),

anchors_with_past as (

    -- an id is minted from its anchor and the number of ids that the anchor had before, so that
    -- none is ever minted twice
    select
        anchors.cluster_key,
        members.source,
        members.source_record_id,
        count(held.customer_id) as earlier_id_count
    from anchors
    inner join members on anchors.record_key = members.record_key
    left join held on anchors.record_key = held.record_key
    group by anchors.cluster_key, members.source, members.source_record_id

),

numbered as (

    select cluster_key, customer_id
    from named
    union all
    select
        cluster_key,
        'c' || left(
            md5(
                case
                    when earlier_id_count > 0 then cast(earlier_id_count as string) || '|' else ''
                end
                || source || '|' || source_record_id
            ),
            20
        ) as customer_id
    from anchors_with_past

),

open_intervals as (

    select record_key, customer_id
    from intervals
    where valid_to is null

)

select
    -- ids
    members.record_key,
    members.source,
    members.source_record_id,
    members.cluster_key,
    numbered.customer_id,
    open_intervals.customer_id as previous_customer_id,

    -- properties
    coalesce(open_intervals.customer_id <> numbered.customer_id, false) as is_changed,
    members.link_rule,
    members.link_weight,

    -- timestamps
    members.first_seen_at
from members
inner join numbered on members.cluster_key = numbered.cluster_key
left join open_intervals on members.record_key = open_intervals.record_key
