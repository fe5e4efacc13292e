{% macro latest_by_load_date(feed, name, key, cursor=none, mapped=()) -%}
    {%- if is_incremental() -%}
        {{ latest_in_affected_load_dates(feed, name, key, cursor, mapped) }}
    {%- else -%}
        {{ latest_by_key(feed, key, cursor) }}
    {%- endif -%}
{%- endmacro %}


{% macro latest_in_affected_load_dates(feed, name, key, cursor, mapped) -%}
    {%- set names = [name] -%}
    {%- for model in mapped -%}
        {%- do names.append((model | replace('stg_', '', 1)) | replace('__', '.', 1)) -%}
    {%- endfor -%}
    with arrivals as (

        select load_date, raw_version
        from {{ source('raw', 'feed_arrivals') }}
        where
            feed in ({{ quoted_list(names) }})
            and load_date <= {{ as_of() }}
            and row_count > 0

    ),

    held_dates as (

        select distinct _load_date as load_date, _raw_version as raw_version
        from {{ this }}

    ),

    changed as (

        -- loaded, loaded again with other content, vanished, or after as_of
        select coalesce(arrivals.load_date, held_dates.load_date) as load_date
        from arrivals
        full outer join held_dates
            on
                arrivals.load_date = held_dates.load_date
                and arrivals.raw_version = held_dates.raw_version
        where arrivals.load_date is null or held_dates.load_date is null

    ),

    -- the feed and the table are read where they are needed, not shared through one CTE: an engine
    -- that keeps such a CTE would read all of both even when nothing has changed
    changed_keys as (

        select {{ key | join(', ') }}
        from {{ feed }}
        where _load_date <= {{ as_of() }} and _load_date in (select load_date from changed)
        union
        select {{ key | join(', ') }}
        from {{ this }}
        where _load_date in (select load_date from changed)

    ),

    affected as (

        -- where a row of such a key can come in or must go out
        select load_date as _load_date
        from changed
        union
        select arrived._load_date
        from {{ feed }} as arrived
        semi join changed_keys on {{ same_key('arrived', 'changed_keys', key) }}
        where arrived._load_date <= {{ as_of() }}
        union
        select held._load_date
        from {{ this }} as held
        semi join changed_keys on {{ same_key('held', 'changed_keys', key) }}

    ),

    affected_keys as (

        select distinct {{ key | join(', ') }}
        from {{ feed }}
        where _load_date <= {{ as_of() }} and _load_date in (select _load_date from affected)

    ),

    winners as (

        select arrived.*
        from {{ feed }} as arrived
        semi join affected_keys on {{ same_key('arrived', 'affected_keys', key) }}
        where arrived._load_date <= {{ as_of() }}
        qualify {{ rank_in_key('arrived', key, cursor) }} = 1

    )

    -- a load date left without rows gets one without a key, so that its old rows are replaced too;
    -- remove_emptied_load_dates() takes it away again in the same transaction
    select *
    from affected
    left join winners using (_load_date)
{%- endmacro %}


{% macro same_key(left, right, key) -%}
    {%- for column in key -%}
        {{ left }}.{{ column }} is not distinct from {{ right }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{% macro replace_load_dates() -%}
    {{ return(adapter.dispatch('replace_load_dates')()) }}
{%- endmacro %}

{% macro default__replace_load_dates() -%}
    delete+insert
{%- endmacro %}

{% macro spark__replace_load_dates() -%}
    insert_overwrite
{%- endmacro %}


{% macro remove_emptied_load_dates(key_column) -%}
    {{ return(adapter.dispatch('remove_emptied_load_dates')(key_column)) }}
{%- endmacro %}

{% macro default__remove_emptied_load_dates(key_column) -%}
    delete from {{ this }} where {{ key_column }} is null
{%- endmacro %}

{% macro spark__remove_emptied_load_dates(key_column) -%}
    {%- if execute and is_incremental() -%}
        {%- set emptied = run_query(
            'select distinct _load_date from ' ~ this ~ ' where ' ~ key_column ~ ' is null'
        ) -%}
        {%- for row in emptied.rows -%}
            {%- do run_query(
                'alter table ' ~ this ~ " drop if exists partition (_load_date = '" ~ row[0] ~ "')"
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
