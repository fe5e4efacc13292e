{#-
Writes the work table `labels` (node, label): the nodes of the work table `edges` (a, b), each with
a label that all nodes it is connected to share, and no other. Nodes without an edge are left out.

Contraction, as in Bögeholz, Brand and Todor, In-database connected component analysis (2020):
every node points to one of its neighbours or itself, the least in an order that changes from
round to round, and what points to the same node becomes one node. Any shape, a long chain too,
is done in a few rounds (a third of the nodes goes in each), while following links one by one
would take as many as the chain is long. Ends as soon as no edge is left.
-#}
{% macro connected_components(edges, labels) -%}
    {%- set primes = [1000003, 999983, 1000033, 999979, 1000037, 999961, 1000039, 999959] -%}
    {%- set left = namespace(edges=true, rounds=0) -%}
    {{ work_table(labels ~ '_edges', 'select distinct a, b from ' ~ edges ~ ' where a <> b') }}
    {%- for round in range(100) if left.edges -%}
        {%- set order = 'y % ' ~ primes[round % 8] -%}
        {{ work_table(
            labels ~ '_' ~ round,
            'select x as node, min_by(y, ' ~ order ~ ') as label from ('
            ~ 'select a as x, b as y from ' ~ labels ~ '_edges '
            ~ 'union all select b as x, a as y from ' ~ labels ~ '_edges '
            ~ 'union all select a as x, a as y from ' ~ labels ~ '_edges '
            ~ 'union all select b as x, b as y from ' ~ labels ~ '_edges) as neighbours group by x'
        ) }}
        {{ work_table(
            labels ~ '_next',
            'select distinct p.label as a, q.label as b from ' ~ labels ~ '_edges as e'
            ~ ' inner join ' ~ labels ~ '_' ~ round ~ ' as p on e.a = p.node'
            ~ ' inner join ' ~ labels ~ '_' ~ round ~ ' as q on e.b = q.node'
            ~ ' where p.label <> q.label'
        ) }}
        {{ work_table(labels ~ '_edges', 'select a, b from ' ~ labels ~ '_next') }}
        {%- set left.rounds = round + 1 -%}
        {%- set left.edges = work_count(labels ~ '_edges') > 0 -%}
    {%- endfor -%}
    {#- from the last round back: where a node's label went in the rounds after -#}
    {{ work_table(labels, 'select node, label from ' ~ labels ~ '_' ~ (left.rounds - 1)) }}
    {%- for back in range(left.rounds - 1) -%}
        {%- set round = left.rounds - 2 - back -%}
        {{ work_table(
            labels ~ '_next',
            'select m.node, coalesce(l.label, m.label) as label from ' ~ labels ~ '_' ~ round ~ ' as m'
            ~ ' left join ' ~ labels ~ ' as l on m.label = l.node'
        ) }}
        {{ work_table(labels, 'select node, label from ' ~ labels ~ '_next') }}
    {%- endfor -%}
{%- endmacro %}


{#- A table for the length of one model, and how many rows it has. -#}
{% macro work_table(name, query) -%}
    {{ return(adapter.dispatch('work_table')(name, query)) }}
{%- endmacro %}

{% macro default__work_table(name, query) -%}
    {%- do run_query('create or replace temp table ' ~ name ~ ' as ' ~ query) -%}
{%- endmacro %}

{% macro spark__work_table(name, query) -%}
    {%- do run_query('create or replace table ' ~ target.schema ~ '_' ~ name ~ ' as ' ~ query) -%}
{%- endmacro %}

{% macro work_count(name) -%}
    {{ return(run_query('select count(*) from ' ~ name).columns[0].values()[0]) }}
{%- endmacro %}
