{% macro load_date_versions(relation, also="''") -%}
    {#- A staging table's content by load date: it changes when a load date is loaded again, and
        when a row of it loses to one that came later. `also` is what else the result hangs on. -#}
    select
        _load_date,
        md5(
            concat_ws(
                '|',
                cast(count(*) as string),
                cast(sum(_line_number) as string),
                max(_raw_version),
                {{ also }}
            )
        ) as _version
    from {{ relation }}
    group by _load_date
{%- endmacro %}


{% macro changed_load_dates(versions) -%}
    {#- The load dates of `versions` that this table does not hold as they are now, and those it
        holds that are gone (with a null version); all of them when it is built anew. -#}
    {%- if is_incremental() -%}
        select
            coalesce({{ versions }}._load_date, held._load_date) as _load_date,
            {{ versions }}._version
        from {{ versions }}
        full outer join (select distinct _load_date, _version from {{ this }}) as held
            on {{ versions }}._load_date = held._load_date
        where {{ versions }}._version is distinct from held._version
    {%- else -%}
        select
            _load_date,
            _version
        from {{ versions }}
    {%- endif -%}
{%- endmacro %}
