{#-
How customers follow the day's changes, and only those: see int_identity__contended_records. Only
while the tables in the warehouse are what the newest version of the ledger was written from; else
all is decided again.
-#}
{% macro follows_ledger(name=none) -%}
    {%- if not execute or flags.WHICH not in ('build', 'run') or model.resource_type != 'model' -%}
        {{ return(false) }}
    {%- endif -%}
    {%- if last_built(this.schema, name or this.name) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set state = run_query(
        'select holds_version_before from ' ~ last_built('ledger', 'state')
    ) -%}
    {{ return(state.columns[0].values()[0]) }}
{%- endmacro %}


{% macro where_contended(record_key) -%}
    {%- if follows_ledger() -%}
    where {{ record_key }} in (select record_key from {{ ref('int_identity__contended_records') }})
    {%- endif -%}
{%- endmacro %}


{#- What is written again; all of it when nothing is followed. -#}
{% macro delete_contended(record_key) -%}
    {%- if is_incremental() -%}
    delete from {{ this }} {{ where_contended(record_key) }}
    {%- endif -%}
{%- endmacro %}


{#-
Records of the clusters that a record came to, left or changed in; none when all are decided again.
With those that a build of this version that was not finished has decided already.
-#}
{% macro contended_records(members, assigned, already, state) -%}
    {%- if not follows_ledger('int_identity__assignments') -%}
    select record_key from {{ members }} where false
    {%- else -%}
    with changed as (

        select
            coalesce(members.record_key, assigned.record_key) as record_key,
            members.cluster_key,
            assigned.cluster_key as former_cluster_key
        from {{ members }} as members
        full outer join {{ assigned }} as assigned on members.record_key = assigned.record_key
        where
            members.cluster_key is distinct from assigned.cluster_key
            or members.link_rule is distinct from assigned.link_rule
            or members.link_weight is distinct from assigned.link_weight
            or members.first_seen_at is distinct from assigned.first_seen_at

    ),

    changed_clusters as (

        select cluster_key from changed
        union
        select former_cluster_key as cluster_key from changed

    )

    select record_key from changed
    union
    select assigned.record_key
    from {{ assigned }} as assigned
    semi join changed_clusters on assigned.cluster_key = changed_clusters.cluster_key
    {% if already is not none -%}
    union
    select already.record_key
    from {{ already }} as already
    inner join {{ state }} as state on already.ledger_version = state.version
    {%- endif %}
    {%- endif -%}
{%- endmacro %}


{#- Those of some customers who have records that nothing is decided about. -#}
{% macro lasting_customers(among, intervals) -%}
    select customer_id
    from {{ intervals }}
    where
        {% if follows_ledger() -%}
        valid_to is null
        and customer_id in (select customer_id from {{ among }})
        and record_key not in (select record_key from {{ ref('int_identity__contended_records') }})
        {%- else -%}
        false
        {%- endif %}
{%- endmacro %}


{#- Records with the cluster they are in. -#}
{% macro cluster_members(records, clusters, where='') -%}
    select
        records.record_key,
        records.source,
        records.source_record_id,
        records.first_seen_at,
        -- what only facts name has nothing to be compared by
        coalesce(clusters.cluster_key, records.record_key) as cluster_key,
        coalesce(
            clusters.link_rule, case when records.is_listed then 'own_key' else 'seen_in_facts' end
        ) as link_rule,
        clusters.link_weight
    from (
        select
            source || ':' || source_record_id as record_key,
            source,
            source_record_id,
            is_listed,
            first_seen_at
        from {{ records }}
        {{ where }}
    ) as records
    left join {{ clusters }} as clusters on records.record_key = clusters.record_key
{%- endmacro %}


{#-
Customers whose state can be another than it was: those that a contended record has or ever had, and
those that lead to one of these.
-#}
{% macro where_touched(assignments, intervals, customers, of='', word='where') -%}
    {%- if follows_ledger() -%}
    {%- set touched -%}
        select customer_id from {{ assignments }} {{ where_contended('record_key') }}
        union
        select customer_id from {{ intervals }} {{ where_contended('record_key') }}
    {%- endset -%}
    {{ word }} (
        {{ of }}customer_id in ({{ touched }})
        or {{ of }}customer_id in (
            select customer_id from {{ customers }} where successor_customer_id in ({{ touched }})
        )
    )
    {%- endif -%}
{%- endmacro %}

{% macro delete_touched(assignments, intervals, customers) -%}
    {%- if is_incremental() -%}
    delete from {{ this }} {{ where_touched(assignments, intervals, customers) }}
    {%- endif -%}
{%- endmacro %}


{#- What a build of this version that was not finished has added already; all if nothing is followed. -#}
{% macro delete_version(state) -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    {%- if follows_ledger() %}
    where ledger_version = (select version from {{ state }})
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}
