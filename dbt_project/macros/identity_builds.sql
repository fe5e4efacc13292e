{#-
How the links follow the day's changes, and only those. int_identity__build begins a build: when
what the links hang on is not as it was in the last finished build, or that did not finish, it
drops the tables below, and they are built anew. Else each takes out the rows of what changed and
adds them again. int_identity__built ends it.
-#}
{% macro begin_identity_build(build) -%}
    {%- if execute and not is_of_changes(build) -%}
        {%- for schema, name in [
            (build.schema, 'int_identity__records'),
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
    {%- set built = adapter.get_relation(build.database, build.schema, 'int_identity__built') -%}
    {%- if built is not none -%}
        {%- do run_query('delete from ' ~ built) -%}
    {%- endif -%}
{%- endmacro %}


{#- Whether a build adds to what the one before left, because nothing else has changed. -#}
{% macro is_of_changes(build) -%}
    {{ return(
        run_query('select is_of_changes from ' ~ build).columns[0].values()[0]
    ) }}
{%- endmacro %}


{#- SQL, whether the last build was finished and the links hang on what they did then. -#}
{% macro is_as_built(built) -%}
    {%- if built is not none -%}
    fingerprint in (select before.fingerprint from {{ built }} as before)
    {%- else -%}
    false
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
Records that may not be as they were when `held`, the records, was made, and all that is known of
them now. None when all is built anew.
-#}
{% macro touched_records(held, identifiers, acts) -%}
    {% if held is none -%}
    select
        {{ identifiers_of('identifiers') }},
        true as is_listed,
        true as may_say_else,
        cast(null as timestamp) as first_acted_at,
        cast(null as timestamp) as last_acted_at
    from {{ identifiers }} as identifiers
    where false
    {%- else -%}
    with load_dates as (

        -- that brought other rows than then, to any source: new, loaded again, or no longer there. A
        -- record can only say something else when the row that speaks for it, or did, is of these
        select distinct _load_date
        from (
            select distinct source, _load_date, _raw_version, 'now' as at_time
            from {{ identifiers }}
            union all
            select distinct source, _load_date, _raw_version, 'then' as at_time
            from {{ held }}
            where is_listed
        ) as arrivals
        group by source, _load_date, _raw_version
        having count(*) = 1

    ),

    spoke as (

        select source || ':' || source_record_id as record_key
        from {{ held }}
        where _load_date in (select _load_date from load_dates)

    ),

    speaking as (

        select {{ identifiers_of('identifiers') }}
        from {{ identifiers }} as identifiers
        where _load_date in (select _load_date from load_dates)

    ),

    speaking_elsewhere as (

        -- what came last is gone: a row of another day speaks for the record again
        select {{ identifiers_of('identifiers') }}
        from {{ identifiers }} as identifiers
        where
            record_key in (
                select record_key from spoke
                where record_key not in (select record_key from speaking)
            )

    ),

    said as (

        select * from speaking
        union all
        select * from speaking_elsewhere

    ),

    acts as (

        select
            source || ':' || source_record_id as record_key,
            source,
            source_record_id,
            first_acted_at,
            last_acted_at
        from {{ acts }}

    ),

    acted as (

        select
            coalesce(acts.source, held.source) as source,
            coalesce(acts.source_record_id, held.source_record_id) as source_record_id
        from acts
        full outer join (
            select * from {{ held }}
            where first_acted_at is not null
        ) as held
            on
                acts.source = held.source
                and acts.source_record_id = held.source_record_id
        where
            acts.first_acted_at is distinct from held.first_acted_at
            or acts.last_acted_at is distinct from held.last_acted_at

    ),

    touched as (

        select record_key from said
        union
        select record_key from spoke
        union
        select source || ':' || source_record_id as record_key from acted
        union
        -- entered by a clock that is ahead: the day has come, or is no longer reached
        select source || ':' || source_record_id as record_key
        from {{ held }}
        where is_entered <> coalesce(entered_at < {{ as_of_end() }}, false)

    ),

    before as (

        select
            source || ':' || source_record_id as record_key,
            source,
            source_record_id,
            is_listed,
            entered_at,
            changed_at,
            _load_date,
            _raw_version
        from {{ held }}
        where source || ':' || source_record_id in (select record_key from touched)

    )

    select
        touched.record_key,
        coalesce(said.source, before.source, acts.source) as source,
        coalesce(said.source_record_id, before.source_record_id, acts.source_record_id)
            as source_record_id,
        {% for column in said_columns() -%}
        said.{{ column }},
        {% endfor -%}
        {% for column in ['entered_at', 'changed_at', '_load_date', '_raw_version'] -%}
        case
            when said.record_key is not null then said.{{ column }}
            when spoke.record_key is null then before.{{ column }}
        end as {{ column }},
        {% endfor -%}
        said.record_key is not null
        or (spoke.record_key is null and coalesce(before.is_listed, false)) as is_listed,
        said.record_key is not null or spoke.record_key is not null as may_say_else,
        acts.first_acted_at,
        acts.last_acted_at
    from touched
    left join said on touched.record_key = said.record_key
    left join spoke on touched.record_key = spoke.record_key
    left join before on touched.record_key = before.record_key
    left join acts on touched.record_key = acts.record_key
    {%- endif %}
{%- endmacro %}


{#- What is known of the touched records, or of all when all is built anew. -#}
{% macro known_records(touched, listed, acts) -%}
    {%- if is_incremental() -%}
    select
        source,
        source_record_id,
        is_listed,
        entered_at,
        changed_at,
        first_acted_at,
        last_acted_at,
        _load_date,
        _raw_version
    from {{ touched }}
    {%- else -%}
    select
        coalesce(listed.source, acts.source) as source,
        coalesce(listed.source_record_id, acts.source_record_id) as source_record_id,
        listed.source_record_id is not null as is_listed,
        listed.entered_at,
        listed.changed_at,
        acts.first_acted_at,
        acts.last_acted_at,
        listed._load_date,
        listed._raw_version
    from {{ listed }} as listed
    full outer join {{ acts }} as acts
        on
            listed.source = acts.source
            and listed.source_record_id = acts.source_record_id
    {%- endif -%}
{%- endmacro %}


{#-
Addresses and numbers with the last names beside them, of all records that bear one whose count can
be another than it was; of all when all is built anew. That is what a touched record bears or bore,
and what was shared, for of that nothing is kept but here.
-#}
{% macro contact_values(held, profiles, touched, identifiers) -%}
    {%- for kind in ['email', 'phone'] %}
    select
        '{{ kind }}' as kind,
        {{ kind }} as contact_value,
        last_name
    from {{ identifiers }}
    where
        {{ kind }} is not null
        {%- if profiles is not none %}
        and {{ kind }} in (
            select {{ kind }} from {{ touched }}
            where may_say_else
            union
            select {{ kind }} from {{ profiles }}
            where record_key in (select record_key from {{ touched }} where may_say_else)
            union
            select contact_value from {{ held }}
            where kind = '{{ kind }}' and is_shared
        )
        {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#- Values that were shared in the build before; none when all is built anew. -#}
{% macro values_shared_before(held, profiles, identifiers) -%}
    {%- if profiles is not none -%}
    select kind, contact_value
    from {{ held }}
    where is_shared
    {%- else -%}
    select
        'email' as kind,
        email as contact_value
    from {{ identifiers }}
    where false
    {%- endif -%}
{%- endmacro %}


{#-
Records that are new, say something else or are gone: what they said before as far as it decides
whom they are compared with, and all they say now. None when all is built anew. Of `touched` ones,
and those whose address or number links nobody any more, or again.
-#}
{% macro changed_records(before, touched, identifiers, shared_values) -%}
    {%- set said = [
        'first_name', 'last_name', 'email', 'phone', 'birth_date', 'street', 'house_number',
        'postcode',
    ] -%}
    {%- set says = ['source', 'source_record_id'] + said_columns() -%}
    {%- if before is none -%}
    with now as (

        {{ guarded_identifiers(identifiers, shared_values) }}

    )

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
    with touched as (

        select
            record_key,
            is_listed,
            {{ says | join(', ') }}
        from {{ touched }}
        where may_say_else

    ),

    bearers as (

        {% for kind in ['email', 'phone'] -%}
        select record_key
        from {{ before }}
        where
            {{ kind }} in (
                select contact_value from {{ shared_values }}
                where kind = '{{ kind }}' and is_shared
            )
        union
        select record_key
        from {{ identifiers }}
        where
            {{ kind }} in (
                select contact_value from {{ shared_values }}
                where kind = '{{ kind }}' and not is_shared
            )
        {% if not loop.last %}union{% endif %}
        {% endfor %}
    ),

    asked as (

        select
            record_key,
            {{ says | join(', ') }}
        from touched
        where is_listed
        union all
        select
            record_key,
            {{ says | join(', ') }}
        from {{ identifiers }}
        where
            record_key in (
                select record_key from bearers
                where record_key not in (select record_key from touched)
            )

    ),

    now as (

        {{ guarded_identifiers('asked', shared_values) }}

    ),

    before as (

        select
            record_key,
            {{ said_columns() | join(', ') }}
        from {{ before }}
        where
            record_key in (
                select record_key from touched
                union all
                select record_key from bearers
            )

    )

    select
        {{ record_number('coalesce(now.record_key, before.record_key)') }} as record_no,
        coalesce(now.record_key, before.record_key) as record_key,
        now.record_key is null as is_gone,
        before.{{ said | join(', before.') }}
        {%- for column in says %},
        now.{{ column }} as now_{{ column }}
        {%- endfor %}
    from now
    full outer join before on now.record_key = before.record_key
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

{#-
Digests of the SQL that decides who is who and of all that identity is made of, staging too, which
the ledger is laid out with; none without.
-#}
{% macro identity_rules() -%}
    {%- set state = adapter.get_relation(this.database, 'ledger', 'state') if execute -%}
    {%- if state -%}
        {{ return(run_query("select rules || models from " ~ state).columns[0].values()[0]) }}
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
