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
    {%- set state = run_query('select holds_version_before from ' ~ source('ledger', 'state')) -%}
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
