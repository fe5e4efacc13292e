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
    {%- set now = namespace(edges='(select a, b from ' ~ edges ~ ' where a <> b)', rounds=0, left=1) -%}
    {%- for round in range(100) if now.left > 0 -%}
        {%- set order = 'y % ' ~ primes[round % 8] -%}
        {%- do work_table(
            labels ~ '_' ~ round,
            'select x as node, min_by(y, ' ~ order ~ ') as label from ('
            ~ 'select a as x, b as y from ' ~ now.edges ~ ' as e union all '
            ~ 'select b as x, a as y from ' ~ now.edges ~ ' as e union all '
            ~ 'select a as x, a as y from ' ~ now.edges ~ ' as e union all '
            ~ 'select b as x, b as y from ' ~ now.edges ~ ' as e) as neighbours group by x'
        ) -%}
        {%- set next = labels ~ '_edges_' ~ round -%}
        {%- set now.left = work_table(
            next,
            'select distinct p.label as a, q.label as b from ' ~ now.edges ~ ' as e'
            ~ ' inner join ' ~ labels ~ '_' ~ round ~ ' as p on e.a = p.node'
            ~ ' inner join ' ~ labels ~ '_' ~ round ~ ' as q on e.b = q.node'
            ~ ' where p.label <> q.label'
        ) -%}
        {%- set now.edges = next -%}
        {%- set now.rounds = round + 1 -%}
    {%- endfor -%}
    {#- where each node's label went in the rounds after its own -#}
    {%- set label = namespace(sql='r0.label', joins='') -%}
    {%- for round in range(1, now.rounds) -%}
        {%- set label.joins = label.joins ~ ' left join ' ~ labels ~ '_' ~ round ~ ' as r' ~ round
            ~ ' on ' ~ label.sql ~ ' = r' ~ round ~ '.node' -%}
        {%- set label.sql = 'coalesce(r' ~ round ~ '.label, ' ~ label.sql ~ ')' -%}
    {%- endfor -%}
    {%- do work_table(
        labels, 'select r0.node, ' ~ label.sql ~ ' as label from ' ~ labels ~ '_0 as r0' ~ label.joins
    ) -%}
{%- endmacro %}


{#- Makes a table for the length of one model, and returns how many rows it has. -#}
{% macro work_table(name, query) -%}
    {{ return(adapter.dispatch('work_table')(name, query)) }}
{%- endmacro %}

{% macro default__work_table(name, query) -%}
    {%- set made = run_query('create or replace temp table ' ~ name ~ ' as ' ~ query) -%}
    {{ return(made.columns[0].values()[0]) }}
{%- endmacro %}

{% macro spark__work_table(name, query) -%}
    {%- set table = target.schema ~ '_work_' ~ name -%}
    {%- do run_query('create or replace table ' ~ table ~ ' as ' ~ query) -%}
    {%- do run_query('create or replace temporary view ' ~ name ~ ' as select * from ' ~ table) -%}
    {{ return(run_query('select count(*) from ' ~ table).columns[0].values()[0]) }}
{%- endmacro %}
