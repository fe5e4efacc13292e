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
Records that are new, say something else or are gone: what they said before as far as it decides
whom they are compared with, and all they say now. None when all is built anew.
-#}
{% macro changed_records(before, identifiers, shared_values) -%}
    {%- set said = [
        'first_name', 'last_name', 'email', 'phone', 'birth_date', 'street', 'house_number',
        'postcode',
    ] -%}
    {%- set says = ['source', 'source_record_id'] + said_columns() -%}
    with now as (

        {{ guarded_identifiers(identifiers, shared_values) }}

    )

    {% if before is none -%}
    select
        record_no,
        record_key,
        false as is_gone,
        {{ said | join(', ') }}
        {%- for column in says %},
        {{ column }} as now_{{ column }}
        {%- endfor %}
    from now
    where false
    {%- else -%}
    -- by key, and column by column: a number and a digest of each record would cost more than all
    -- the rest
    select
        {{ record_number('coalesce(now.record_key, before.record_key)') }} as record_no,
        coalesce(now.record_key, before.record_key) as record_key,
        now.record_key is null as is_gone,
        before.{{ said | join(', before.') }}
        {%- for column in says %},
        now.{{ column }} as now_{{ column }}
        {%- endfor %}
    from now
    full outer join {{ before }} as before on now.record_key = before.record_key
    where
        now.record_key is distinct from before.record_key
        {%- for column in said_columns() %}
        or now.{{ column }} is distinct from before.{{ column }}
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}

{#- What the changed records say now, or all records when all is built anew. -#}
{% macro records_to_profile(changed, identifiers, shared_values) -%}
    {%- if is_incremental() -%}
    select
        record_no,
        record_key
        {%- for column in ['source', 'source_record_id'] + said_columns() %},
        now_{{ column }} as {{ column }}
        {%- endfor %}
    from {{ changed }}
    where not is_gone
    {%- else -%}
    {{ guarded_identifiers(identifiers, shared_values) }}
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

{#- A digest of the SQL that decides who is who, which the ledger is laid out with; none without. -#}
{% macro identity_rules() -%}
    {%- set state = adapter.get_relation(this.database, 'ledger', 'state') if execute -%}
    {%- if state -%}
        {{ return(run_query('select rules from ' ~ state).columns[0].values()[0]) }}
    {%- endif -%}
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
