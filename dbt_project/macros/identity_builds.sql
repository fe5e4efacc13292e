{#-
How the links follow the day's changes, and only those. int_identity__build begins a build: when
what the links hang on is not as it was in the last finished build, or that did not finish, it
drops the tables below, and they are built anew. Else each takes out the rows of what changed and
adds them again. int_identity__built ends it.
-#}
{% macro begin_identity_build(build) -%}
    {%- set built = adapter.get_relation(build.database, build.schema, 'int_identity__built') -%}
    {%- set same = built is not none and run_query(
        'select count(*) from ' ~ built ~ ' inner join ' ~ build ~ ' using (fingerprint)'
    ).columns[0].values()[0] == 1 -%}
    {%- if not same -%}
        {%- for schema, name in [
            ('vault', 'int_identity__profiles'),
            (build.schema, 'int_identity__scores'),
            (build.schema, 'int_identity__clusters'),
        ] -%}
            {%- set stale = adapter.get_relation(build.database, schema, name) -%}
            {%- if stale is not none -%}
                {%- do adapter.drop_relation(stale) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if built is not none -%}
        {%- do run_query('delete from ' ~ built) -%}
    {%- endif -%}
{%- endmacro %}


{#- A table as the last build left it; none when all is built anew. -#}
{% macro last_built(schema, name) -%}
    {%- if execute and not flags.FULL_REFRESH -%}
        {{ return(adapter.get_relation(this.database, schema, name)) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}


{#-
Records that are new, say something else or are gone, with what they said before as far as it
decides whom they are compared with; none when all is built anew.
-#}
{% macro changed_records(before, identifiers, shared_values) -%}
    {%- set said = [
        'first_name', 'last_name', 'email', 'phone', 'birth_date', 'street', 'house_number',
        'postcode',
    ] | join(', ') -%}
    {%- if before is none -%}
    select {{ record_number('record_key') }} as record_no, record_key, {{ said }}
    from {{ identifiers }}
    where false
    {%- else -%}
    with now as (

        {{ guarded_identifiers(identifiers, shared_values) }}

    ),

    changed as (

        select
            coalesce(now.record_no, before.record_no) as record_no,
            coalesce(now.record_key, before.record_key) as record_key
        from now
        full outer join {{ before }} as before on now.record_no = before.record_no
        where now.content_key is distinct from before.content_key

    )

    select changed.record_no, changed.record_key, {{ said }}
    from changed
    left join {{ before }} as before on changed.record_no = before.record_no
    {%- endif -%}
{%- endmacro %}

{% macro where_changed(changed) -%}
    {%- if is_incremental() -%}
    where record_key in (select record_key from {{ changed }})
    {%- endif -%}
{%- endmacro %}


{#- All records of the islands that some records belong to, in clusters as they were. -#}
{% macro islands_of(clusters, records) -%}
    {%- if clusters is none -%}
    select record_no from {{ records }} where false
    {%- else -%}
    select members.record_no
    from {{ clusters }} as members
    semi join (
        select distinct c.island
        from {{ clusters }} as c
        semi join {{ records }} as wanted on c.record_no = wanted.record_no
    ) as islands on members.island = islands.island
    {%- endif -%}
{%- endmacro %}


{#- What the links hang on besides records: all variables of identity, and the rows of its seeds. -#}
{% macro identity_settings_digest() -%}
    {%- set settings = {} -%}
    {%- for name in [
        'identity_comparisons', 'identity_blocking_rules', 'identity_block_cap',
        'identity_surnames_per_value', 'identity_tiers', 'identity_review_weight',
        'identity_conflict_weight', 'identity_conflicts', 'identity_lifelong',
        'identity_records_per_customer',
    ] -%}
        {%- do settings.update({name: var(name)}) -%}
    {%- endfor -%}
    {{ return(local_md5(tojson(settings))) }}
{%- endmacro %}

{% macro identity_seed_rows() -%}
    {% for seed in [
        'identity_weights', 'identity_priors', 'identity_term_frequencies', 'identity_overrides',
        'nicknames',
    ] -%}
    select '{{ seed }}' as seed, {{ row_text(ref(seed)) }} as row_text
    from {{ ref(seed) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#- All columns of a relation's row as one text. -#}
{% macro row_text(relation) -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            coalesce(cast({{ column.name }} as string), '~') || '|'{{ ' || ' if not loop.last }}
        {%- endfor -%}
    {%- else -%}
        ''
    {%- endif -%}
{%- endmacro %}
