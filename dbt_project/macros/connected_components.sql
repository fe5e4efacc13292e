{#-
Makes `labels` (node, label): the nodes of the work table `edges` (a, b), each with
a label that all nodes it is connected to share, and no other. Nodes without an edge are left out.

Contraction, as in Bögeholz, Brand and Todor, In-database connected component analysis (2020):
every node points to one of its neighbours or itself, the least in an order that changes from
round to round, and what points to the same node becomes one node. Any shape, a long chain too,
is done in a few rounds (a third of the nodes goes in each), while following links one by one
would take as many as the chain is long. The first round leaves little, because records of one
person are mostly linked each with each; from then on several rounds are one statement, because
each statement costs more than they do. Ends as soon as no edge is left.
-#}
{% macro connected_components(edges, labels) -%}
    {%- set now = namespace(edges=edges, left=1, rounds=0, sql='r0.label', joins='') -%}
    {%- for batch in range(50) if now.left > 0 -%}
        {%- set made = labels ~ '_' ~ batch -%}
        {%- set rounds = 1 if loop.first else rounds_at_once() -%}
        {%- do work_table(made, contraction(now.edges, now.rounds, rounds)) -%}
        {%- if not loop.first -%}
            {#- where each node's label went in the rounds after its own -#}
            {%- set now.joins = now.joins ~ ' left join ' ~ made ~ ' as r' ~ batch
                ~ ' on ' ~ now.sql ~ ' = r' ~ batch ~ '.node' -%}
            {%- set now.sql = 'coalesce(r' ~ batch ~ '.label, ' ~ now.sql ~ ')' -%}
        {%- endif -%}
        {%- set rest = labels ~ '_edges_' ~ batch -%}
        {%- set now.left = work_table(rest, contracted(now.edges, made)) -%}
        {%- set now.edges = rest -%}
        {%- set now.rounds = now.rounds + rounds -%}
    {%- endfor -%}
    {%- do work_view(
        labels, 'select r0.node, ' ~ now.sql ~ ' as label from ' ~ labels ~ '_0 as r0' ~ now.joins
    ) -%}
{%- endmacro %}


{#- Nodes with their labels after so many rounds of contraction, the first of them numbered. -#}
{% macro contraction(edges, first, count) -%}
    {%- set primes = [1000003, 999983, 1000033, 999979, 1000037, 999961, 1000039, 999959] -%}
    {%- set label = namespace(sql='r0.label', joins='') -%}
    with
    {% for round in range(count) -%}
    {%- set from_edges = edges if loop.first else 'e' ~ round -%}
    {%- set order = '% ' ~ primes[(first + round) % 8] -%}
    r{{ round }} as (
        select
            x as node,
            {#- as they come, because the first round, which sees all edges, is done for least -#}
            {% if first + round == 0 -%}
            least(x, min(y)) as label
            {%- else -%}
            case
                when min(y {{ order }}) < x {{ order }} then min_by(y, y {{ order }}) else x
            end as label
            {%- endif %}
        from (
            select a as x, b as y from {{ from_edges }}
            union all
            select b as x, a as y from {{ from_edges }}
        ) as neighbours
        group by x
    ),
    {% if not loop.last -%}
    e{{ round + 1 }} as ({{ contracted(from_edges, 'r' ~ round) }}),
    {%- endif %}
    {% if not loop.first -%}
    {%- set label.joins = label.joins ~ ' left join r' ~ round ~ ' on ' ~ label.sql ~ ' = r' ~ round
        ~ '.node' -%}
    {%- set label.sql = 'coalesce(r' ~ round ~ '.label, ' ~ label.sql ~ ')' -%}
    {%- endif -%}
    {%- endfor %}
    labelled as (select r0.node, {{ label.sql }} as label from r0 {{ label.joins }})
    select node, label from labelled
{%- endmacro %}


{#- The edges that are left between nodes of different labels, as edges of their labels. -#}
{% macro contracted(edges, labels) -%}
    {#- nullif, for an engine that knows nothing of the tables' size may begin with p <> q -#}
    select distinct p.label as a, nullif(q.label, p.label) as b
    from {{ edges }} as e
    inner join {{ labels }} as p on e.a = p.node
    inner join {{ labels }} as q on e.b = q.node
    where nullif(q.label, p.label) is not null
{%- endmacro %}


{#- DuckDB keeps what a CTE gives; Spark would compute each round as often as it is named. -#}
{% macro rounds_at_once() -%}
    {{ return(1 if target.type == 'spark' else 4) }}
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


{#- A query with a name for as long as the model is built; nothing is written. -#}
{% macro work_view(name, query) -%}
    {%- do run_query('create or replace temporary view ' ~ name ~ ' as ' ~ query) -%}
{%- endmacro %}
