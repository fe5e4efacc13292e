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
