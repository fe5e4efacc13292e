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


{#- Whether the records that this build touched are all that can have come to another customer. -#}
{% macro follows_changes() -%}
    {{ return(
        follows_ledger('int_identity__assignments') and is_of_changes(ref('int_identity__build'))
    ) }}
{%- endmacro %}


{% macro where_among(record_key, some) -%}
    {%- if some -%}
    where {{ record_key }} in ({{ some }})
    {%- endif -%}
{%- endmacro %}


{#- SQL of the keys that are decided again; none when all are. -#}
{% macro contended_keys() -%}
    {%- if follows_ledger() -%}
        {{ return('select record_key from ' ~ ref('int_identity__contended_records')) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{% macro where_contended(record_key) -%}
    {{ where_among(record_key, contended_keys()) }}
{%- endmacro %}


{#- What is written again; all of it when nothing is followed. -#}
{% macro delete_contended(record_key) -%}
    {%- if is_incremental() -%}
    delete from {{ this }} {{ where_contended(record_key) }}
    {%- endif -%}
{%- endmacro %}


{#-
Records of the clusters that a record came to, left or changed in; none when all are decided again.
A build of changes need only look at some records. With those that a build of this version that was
not finished has decided already.
-#}
{% macro contended_records(members, assigned, some, already, state) -%}
    {%- if not follows_ledger('int_identity__assignments') -%}
    select record_key from {{ members }} where false
    {%- else -%}
    with changed as (

        select
            coalesce(members.record_key, assigned.record_key) as record_key,
            members.cluster_key,
            assigned.cluster_key as former_cluster_key
        from {{ members }} as members
        full outer join (
            select * from {{ assigned }} {{ where_among('record_key', some) }}
        ) as assigned
            on members.record_key = assigned.record_key
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


{#- Those of some customers whose records are left in this table, as nothing is decided about them. -#}
{% macro lasting_customers(among) -%}
    select customer_id
    from {{ this if follows_ledger() else among }}
    where {{ 'customer_id in (select customer_id from ' ~ among ~ ')' if follows_ledger() else 'false' }}
{%- endmacro %}


{#- Records with the cluster they are in; with `some`, SQL of keys, only these. -#}
{% macro cluster_members(records, clusters, some=none) -%}
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
        {{ where_among("source || ':' || source_record_id", some) }}
    ) as records
    left join (
        select record_key, cluster_key, link_rule, link_weight
        from {{ clusters }}
        {{ where_among('record_key', some) }}
    ) as clusters
        on records.record_key = clusters.record_key
{%- endmacro %}


{#-
Writes the work table `touched_customers` and takes them out: customers whose state can be another
than it was, those that a contended record has or ever had, and those that lead to one of these.
-#}
{% macro delete_touched(assignments, intervals, customers) -%}
    {%- if follows_ledger() -%}
        {%- do work_table('touched_customers', '
            with theirs as (
                select customer_id from ' ~ assignments ~ ' ' ~ where_contended('record_key') ~ '
                union
                select customer_id from ' ~ intervals ~ ' ' ~ where_contended('record_key') ~ '
            )
            select customer_id from theirs
            union
            select customer_id from ' ~ customers ~ '
            where successor_customer_id in (select customer_id from theirs)') -%}
    {%- endif -%}
    {%- if is_incremental() -%}
    delete from {{ this }} {{ where_touched() }}
    {%- endif -%}
{%- endmacro %}

{% macro where_touched(of='', word='where') -%}
    {%- if follows_ledger() -%}
    {{ word }} {{ of }}customer_id in (select customer_id from touched_customers)
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
