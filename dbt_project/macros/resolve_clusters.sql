{#-
Writes the work tables of int_identity__clusters: `some_records` and `some_scores`, which are the
affected ones, or all when all is built anew, and `resolved` (node, record_key, label, island):
which of these records are one person. An island is all that pairs at or above the review weight
connect: whatever is joined is joined inside of one, so that each can be resolved without the
others.

Strongest first: in each tier the pairs of clusters at or above its weight are joined, and a pair's
weight is that of all that the two clusters' records show together, the best of each comparison. A
join is not made when it would break a guard: two loyalty numbers, more records than a person can
have, two records that too little speaks for, or a contradiction that by itself makes two people of
one home likelier than one person; in a birth date also of two that were never compared. Of such
a component only the pairs that are each other's best are joined, and none when that is still not
enough. In the weakest tier that goes for all components: weak links do not chain. Records without
a name come last and join one cluster at most, so that a shared mailbox bridges nobody.

Overrides come before all: always_link joins in spite of any guard, never_link is a guard.

Only islands are worked on in which something can still be joined.
-#}
{% macro resolve_clusters(affected, profiles, scores, weights, overrides) -%}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
        {%- set tiers = var('identity_tiers') -%}
        {%- set some = '(select record_no from ' ~ affected ~ ')' -%}
        {%- do work_subset(
            'some_records',
            'record_no, record_key, loyalty_id, ' ~ lifelong_columns() | join(', '),
            profiles,
            'record_no in ' ~ some
        ) -%}
        {%- do work_subset(
            'some_scores',
            'a, b, a_is_nameless, b_is_nameless, rule, match_weight, '
                ~ agreement_columns() | join(', '),
            scores,
            'a in ' ~ some ~ ' and b in ' ~ some
        ) -%}
        {%- set decided = work_table('decided', numbered_overrides(overrides)) -%}
        {%- do work_table('joins', '
            select a, b from some_scores where match_weight >= ' ~ var('identity_review_weight') ~ '
            union all select a, b from decided where not is_never') -%}
        {%- do connected_components('joins', 'islands') -%}

        {#- at first every record is a cluster, where it lies; only what the first joins leave open
            is written out -#}
        {%- do work_view('first_labels', first_labels()) -%}
        {%- do work_view('first_links', first_links()) -%}
        {%- do work_view('first_pairs', weighed_links('first_links', weights)) -%}
        {%- set now = namespace(labels='first_labels', pairs='first_pairs', moves=[]) -%}
        {%- set now.joins = work_table('joins', joins_from(now.pairs, tiers[0])) -%}
        {%- do connected_components('joins', 'strongest') -%}

        {%- set always = 'select a, b from decided where not is_never' -%}
        {%- if decided > 0 and work_table('decided_joins', always) > 0 -%}
            {%- do connected_components('decided_joins', 'decided_moves') -%}
            {%- do merge_clusters('decided_moves', now, weights) -%}
        {%- endif -%}
        {%- for tier in tiers -%}
            {%- set joined = 'strongest' if loop.first and not now.moves else 'joined' -%}
            {%- if joined == 'joined' -%}
                {%- set now.joins = work_table('joins', joins_from(now.pairs, tier)) -%}
                {%- if now.joins > 0 and not loop.last -%}
                    {%- do connected_components('joins', 'joined') -%}
                {%- endif -%}
            {%- endif -%}
            {%- if now.joins > 0 -%}
                {%- set moves = 'moves_' ~ loop.index -%}
                {%- do work_table(moves, joins_that_hold(joined, loop.last, now, weights)) -%}
                {%- if loop.last -%}
                    {%- do now.moves.append(moves) -%}
                {%- else -%}
                    {%- do merge_clusters(moves, now, weights) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do attach_nameless(now.moves) -%}
    {%- endif -%}
{%- endmacro %}


{#- The rows that a build of changes is about, or all of them, where they are. -#}
{% macro work_subset(name, columns, relation, condition) -%}
    {%- set rows = 'select ' ~ columns ~ ' from ' ~ relation -%}
    {%- if is_incremental() -%}
        {%- do work_table(name, rows ~ ' where ' ~ condition) -%}
    {%- else -%}
        {%- do work_view(name, rows) -%}
    {%- endif -%}
{%- endmacro %}


{#- What somebody decided about two records. -#}
{% macro numbered_overrides(overrides) -%}
    select
        {{ record_number("source_a || ':' || source_record_id_a") }} as a,
        {{ record_number("source_b || ':' || source_record_id_b") }} as b,
        kind = 'never_link' as is_never
    from {{ overrides }}
{%- endmacro %}


{#- Each record a cluster of its own. -#}
{% macro first_labels() -%}
    select
        record_no as node, record_no as label, loyalty_id, {{ lifelong_columns() | join(', ') }}
    from some_records
{%- endmacro %}


{#- The pairs of records with a name, and those that somebody decided are two. -#}
{% macro first_links() -%}
    {%- set agreement = agreement_columns() -%}
    select
        a, b, match_weight, false as is_never,
        match_weight >= {{ var('identity_review_weight') }} as can_join, {{ agreement | join(', ') }}
    from some_scores
    where not a_is_nameless and not b_is_nameless
    union all
    select least(a, b), greatest(a, b), -1000, true, false{{ ', null' * agreement | length }}
    from decided
    where is_never
{%- endmacro %}

{#- Links with what they weigh in each comparison. -#}
{% macro weighed_links(links, weights) -%}
    select
        links.*
        {%- for comparison in var('identity_comparisons') %},
        {%- if not weighs_rarity(comparison) %}
        {{ kept_weight(comparison, 'links') }} as {{ comparison.name }}_weight,
        {%- endif %}
        {{ level_household_weight(comparison, 'links.' ~ comparison.name ~ '_level') }}
            as {{ comparison.name }}_household
        {%- endfor %}
    from {{ links }} as links
    cross join {{ weights }} as weights
{%- endmacro %}


{#- What can be joined at a tier. -#}
{% macro joins_from(pairs, tier) -%}
    select a, b, match_weight from {{ pairs }} where can_join and match_weight >= {{ tier }}
{%- endmacro %}


{#-
Where clusters go at a tier, (node, label): those of a component of `joined`, unless that breaks a
guard. Of such a component, or of all in the weakest tier, the two that are each other's best.
-#}
{% macro joins_that_hold(joined, is_weakest, now, weights) -%}
    with conflicts as (

        {{ conflicting_pairs(now.pairs, weights) }}

    ),

    {% if not is_weakest -%}
    refused as (

        {{ refused_joins(joined, now, weights) }}

    ),

    {% endif -%}
    contested as (

        select joins.a, joins.b, joins.match_weight
        from joins
        {%- if not is_weakest %}
        inner join {{ joined }} as joined on joins.a = joined.node
        inner join refused on joined.label = refused.label
        {%- endif %}

    ),

    sides as (

        select a as x, b as y, match_weight from contested
        union all
        select b as x, a as y, match_weight from contested

    ),

    favourites as (

        select x, y
        from sides
        qualify row_number() over (partition by x order by match_weight desc, y) = 1

    ),

    best as (

        select one.x as node, least(one.x, one.y) as label
        from favourites as one
        inner join favourites as other on one.x = other.y and one.y = other.x

    ),

    refused_again as (

        {{ refused_joins('best', now, weights) }}

    )

    {% if not is_weakest -%}
    select node, label
    from {{ joined }}
    where label not in (select label from refused)
    union all
    {% endif -%}
    select node, label
    from best
    where label not in (select label from refused_again)
{%- endmacro %}


{#- Pairs of clusters that may not be one. -#}
{% macro conflicting_pairs(pairs, weights) -%}
    select pairs.a, pairs.b
    from {{ pairs }} as pairs
    cross join {{ weights }} as priors
    where
        pairs.match_weight < {{ var('identity_conflict_weight') }}
        {% for comparison in var('identity_conflicts') -%}
        or (
            pairs.{{ comparison }}_weight < 0
            and pairs.{{ comparison }}_household + priors.household_prior_weight < 0
        )
        {% endfor %}
{%- endmacro %}

{#- Components that break a guard, of clusters that are to be `joined`. -#}
{% macro refused_joins(joined, now, weights) -%}
    select joined.label
    from {{ now.labels }} as labels
    inner join {{ joined }} as joined on labels.label = joined.node
    group by joined.label
    having
        min(labels.loyalty_id) <> max(labels.loyalty_id)
        or count(*) > {{ var('identity_records_per_customer') }}
    union
    select one.label
    from conflicts
    inner join {{ joined }} as one on conflicts.a = one.node
    inner join {{ joined }} as other on conflicts.b = other.node
    where one.label = other.label
    {% for name in var('identity_lifelong') -%}
    {% set comparison = var('identity_comparisons') | selectattr('name', 'eq', name) | first -%}
    union
    select label
    from ({{ contradictions(joined, now.labels, comparison, weights) }}) as {{ name }}_contradictions
    {% endfor -%}
{%- endmacro %}


{#-
Components with two clusters that contradict each other in what never changes, whether a pair of
their records was compared or not. As with pairs, what two clusters show is the best of it.
-#}
{% macro contradictions(joined, labels, comparison, weights) -%}
    {%- set columns = columns_of(comparison) -%}
    with said as (

        select distinct
            joined.label as component, labels.label as cluster, {{ columns | join(', ') }}
        from {{ labels }} as labels
        inner join {{ joined }} as joined on labels.label = joined.node
        where {{ columns | join(' is not null or ') }} is not null
        -- what is refused for its size need not be looked at
        qualify
            count(*) over (partition by joined.label)
            <= {{ var('identity_records_per_customer') }}

    ),

    compared as (

        select
            a.component as label,
            a.cluster as one,
            b.cluster as other,
            {{ agreement_level(comparison) }} as level_no
        from said as a
        inner join said as b on a.component = b.component and a.cluster < b.cluster

    )

    select compared.label
    from compared
    cross join {{ weights }} as weights
    where compared.level_no is not null
    group by compared.label, compared.one, compared.other
    having
        max({{ level_weight(comparison, 'compared.level_no') }}) < 0
        and max(
            {{ level_household_weight(comparison, 'compared.level_no') }}
            + weights.household_prior_weight
        ) < 0
{%- endmacro %}


{#- The columns of a record that a comparison looks at. -#}
{% macro columns_of(comparison) -%}
    {%- set columns = [] -%}
    {%- for text in [comparison.known] + comparison.levels | map(attribute='when') | select | list -%}
        {%- for column in modules.re.findall('\\b[ab]\\.(\\w+)', text) -%}
            {%- if column not in columns -%}{%- do columns.append(column) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{#- Those of all that never changes, of the table if one is named. -#}
{% macro lifelong_columns(table=none) -%}
    {%- set columns = [] -%}
    {%- for comparison in var('identity_comparisons')
        if comparison.name in var('identity_lifelong') -%}
        {%- for column in columns_of(comparison) -%}
            {%- do columns.append(table ~ '.' ~ column if table else column) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{#-
What was joined is one cluster from here on, and its pairs with another cluster are one pair. Only
islands are kept in which there is something left to join.
-#}
{% macro merge_clusters(moves, now, weights) -%}
    {%- do work_table('left_over', left_over(moves, now)) -%}
    {%- do work_table('pairs', pooled_pairs(now.pairs, weights)) -%}
    {%- do work_table('labels', '
        select
            labels.node, left_over.label, left_over.island, labels.loyalty_id, '
            ~ lifelong_columns('labels') | join(', ') ~ '
        from ' ~ now.labels ~ ' as labels
        inner join left_over on labels.label = left_over.node
        where left_over.island in (select island from pairs)') -%}
    {%- set now.labels = 'labels' -%}
    {%- set now.pairs = 'pairs' -%}
    {%- do now.moves.append(moves) -%}
{%- endmacro %}

{#- Where the clusters went, of the islands with two of them that could be joined. -#}
{% macro left_over(moves, now) -%}
    with clusters as (

        {% if now.pairs == 'first_pairs' -%}
        select node, label as island from islands
        {%- else -%}
        select distinct label as node, island from labels
        {%- endif %}

    ),

    open_clusters as (

        select pairs.a as node
        from {{ now.pairs }} as pairs
        left join {{ moves }} as one on pairs.a = one.node
        left join {{ moves }} as other on pairs.b = other.node
        where pairs.can_join and coalesce(one.label, pairs.a) <> coalesce(other.label, pairs.b)

    ),

    open_islands as (

        select clusters.island
        from clusters
        semi join open_clusters on clusters.node = open_clusters.node

    ),

    here as (

        select clusters.node, clusters.island
        from clusters
        semi join open_islands on clusters.island = open_islands.island

    )

    select here.node, coalesce(moves.label, here.node) as label, here.island
    from here
    left join {{ moves }} as moves on here.node = moves.node
{%- endmacro %}

{% macro pooled_pairs(pairs, weights) -%}
    with crossing as (

        select
            one.island,
            least(one.label, other.label) as one_label,
            greatest(one.label, other.label) as other_label,
            pairs.*
        from {{ 'first_links' if pairs == 'first_pairs' else pairs }} as pairs
        inner join left_over as one on pairs.a = one.node
        inner join left_over as other on pairs.b = other.node
        where one.island = other.island and one.label <> other.label

    ),

    {% if pairs == 'first_pairs' -%}
    crossing_pairs as (

        {{ weighed_links('crossing', weights) }}

    ),

    {% endif -%}
    pooled as (

        select
            min(island) as island,
            one_label as a,
            other_label as b,
            bool_or(is_never) as is_never,
            bool_or(can_join) as can_join
            {%- for column in weight_columns() %},
            max({{ column }}) as {{ column }}
            {%- endfor %}
        from {{ 'crossing_pairs' if pairs == 'first_pairs' else 'crossing' }}
        group by one_label, other_label

    ),

    weighed as (

        select
            pooled.*,
            case
                when pooled.is_never then -1000
                else {{ match_weight('priors.prior_weight', 'priors.household_prior_weight') }}
            end as match_weight
        from pooled
        cross join {{ weights }} as priors

    )

    select *
    from weighed
    where
        island in (
            select island from weighed
            where can_join and match_weight >= {{ var('identity_tiers')[-1] }}
        )
{%- endmacro %}


{#- What two clusters' records show together is the best of each of these. -#}
{% macro weight_columns() -%}
    {%- set columns = [] -%}
    {%- for comparison in var('identity_comparisons') -%}
        {%- do columns.extend([comparison.name ~ '_weight', comparison.name ~ '_household']) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{#- A nameless record joins the cluster most of whose records share what it has, or other nameless
    ones when there is none. -#}
{% macro attach_nameless(moves) -%}
    {%- set least = var('identity_tiers')[-1] -%}
    {%- set other = moved(moves, 'sides.other') -%}
    {%- set one = moved(moves, 'decided.a') -%}
    {%- set two = moved(moves, 'decided.b') -%}
    {%- set record = moved(moves, 'some_records.record_no') -%}
    {%- do work_table('attached', '
        with sides as (
            select a as node, b as other, match_weight from some_scores
            where a_is_nameless and not b_is_nameless and match_weight >= ' ~ least ~ '
            union all
            select b as node, a as other, match_weight from some_scores
            where b_is_nameless and not a_is_nameless and match_weight >= ' ~ least ~ '
        ),
        offers as (
            select
                sides.node, ' ~ other.label ~ ' as label,
                count(*) as record_count, max(sides.match_weight) as match_weight
            from sides' ~ other.joins ~ '
            group by sides.node, ' ~ other.label ~ '
        ),
        forbidden as (
            select decided.a as node, ' ~ two.label ~ ' as label
            from decided' ~ two.joins ~ ' where decided.is_never
            union all
            select decided.b as node, ' ~ one.label ~ ' as label
            from decided' ~ one.joins ~ ' where decided.is_never
        )
        select offers.node, offers.label
        from offers
        left join forbidden on offers.node = forbidden.node and offers.label = forbidden.label
        where forbidden.node is null
        qualify row_number() over (
            partition by offers.node
            order by offers.record_count desc, offers.match_weight desc, offers.label
        ) = 1') -%}
    {%- do work_table('joins', '
        select a, b from some_scores
        where a_is_nameless and b_is_nameless and match_weight >= ' ~ least ~ '
        and a not in (select node from attached) and b not in (select node from attached)') -%}
    {%- do connected_components('joins', 'joined') -%}
    {%- do work_table('resolved', '
        select
            some_records.record_no as node,
            some_records.record_key,
            coalesce(attached.label, joined.label, ' ~ record.label ~ ') as label,
            coalesce(islands.label, some_records.record_no) as island
        from some_records' ~ record.joins ~ '
        left join attached on some_records.record_no = attached.node
        left join joined on some_records.record_no = joined.node
        left join islands on some_records.record_no = islands.node') -%}
{%- endmacro %}

{#- Where the tiers took a record, one after the other: SQL of its label, and the joins for that. -#}
{% macro moved(moves, record) -%}
    {%- set now = namespace(label=record, joins='') -%}
    {%- for each in moves -%}
        {%- set now.joins = now.joins ~ ' left join ' ~ each ~ ' on ' ~ now.label ~ ' = ' ~ each
            ~ '.node' -%}
        {%- set now.label = 'coalesce(' ~ each ~ '.label, ' ~ now.label ~ ')' -%}
    {%- endfor -%}
    {{ return({'label': now.label, 'joins': now.joins}) }}
{%- endmacro %}
