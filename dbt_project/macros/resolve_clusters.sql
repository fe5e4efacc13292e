{#-
Writes the work tables of int_identity__clusters: `some_records` and `some_scores`, which are the
affected ones, or all when all is built anew, and `resolved` (node, label, island): which of these
records are one person. An island is all that pairs at or above the review weight connect: whatever
is joined is joined inside of one, so that each can be resolved without the others.

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
        {%- do work_table('decided', numbered_overrides(overrides)) -%}
        {%- do work_table('joins', '
            select a, b from some_scores where match_weight >= ' ~ var('identity_review_weight') ~ '
            union all select a, b from decided where not is_never') -%}
        {%- do connected_components('joins', 'islands') -%}

        {#- at first every record is a cluster, where it lies; only what the first joins leave open
            is written out -#}
        {%- do work_view('first_labels', first_labels()) -%}
        {%- do work_view('first_pairs', first_pairs(weights)) -%}
        {%- set now = namespace(labels='first_labels', pairs='first_pairs', moves=[]) -%}

        {%- set joins = 'select a, b, 1000 as match_weight from decided where not is_never' -%}
        {%- if work_table('joins', joins) > 0 -%}
            {%- do connected_components('joins', 'decided_moves') -%}
            {%- do merge_clusters('decided_moves', now, weights) -%}
        {%- endif -%}
        {%- for tier in var('identity_tiers') -%}
            {%- set joins = 'select a, b, match_weight from ' ~ now.pairs ~ ' where can_join' -%}
            {%- if work_table('joins', joins ~ ' and match_weight >= ' ~ tier) > 0 -%}
                {%- set moves = 'moves_' ~ loop.index -%}
                {%- do connected_components('joins', 'joined') -%}
                {%- set all = 'select distinct label from joined' -%}
                {%- set refused = all if loop.last else refused_joins('joined', now, weights) -%}
                {%- do work_table('refused', refused) -%}
                {%- do work_table('best_joins', each_others_best()) -%}
                {%- do connected_components('best_joins', 'best') -%}
                {%- do work_table('refused_again', refused_joins('best', now, weights)) -%}
                {%- do work_table(moves, '
                    select node, label from joined
                    where label not in (select label from refused)
                    union all
                    select node, label from best
                    where label not in (select label from refused_again)') -%}
                {%- do merge_clusters(moves, now, weights) -%}
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


{#- The pairs of records with a name, with what decides about a join. -#}
{% macro first_pairs(weights) -%}
    select
        scores.a, scores.b, scores.match_weight, false as is_never,
        scores.match_weight >= {{ var('identity_review_weight') }} as can_join
        {%- for comparison in var('identity_comparisons') %},
        {{ kept_weight(comparison, 'scores') }} as {{ comparison.name }}_weight,
        {{ level_household_weight(comparison, 'scores.' ~ comparison.name ~ '_level') }}
            as {{ comparison.name }}_household
        {%- endfor %}
    from some_scores as scores
    cross join {{ weights }} as weights
    where not scores.a_is_nameless and not scores.b_is_nameless
    union all
    select
        least(a, b), greatest(a, b), -1000, true, false
        {{ ', null' * weight_columns() | length }}
    from decided
    where is_never
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
    from {{ now.pairs }} as pairs
    inner join {{ joined }} as one on pairs.a = one.node
    inner join {{ joined }} as other on pairs.b = other.node
    cross join {{ weights }} as priors
    where
        one.label = other.label
        and (
            pairs.match_weight < {{ var('identity_conflict_weight') }}
            {% for comparison in var('identity_conflicts') -%}
            or (
                pairs.{{ comparison }}_weight < 0
                and pairs.{{ comparison }}_household + priors.household_prior_weight < 0
            )
            {% endfor -%}
        )
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


{#- Of the components that break a guard, the joins that are the best of both sides. -#}
{% macro each_others_best() -%}
    with contested as (

        select joins.a, joins.b, joins.match_weight
        from joins
        inner join joined on joins.a = joined.node
        inner join refused on joined.label = refused.label

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

    )

    select one.x as a, one.y as b
    from favourites as one
    inner join favourites as other on one.x = other.y and one.y = other.x
    where one.x < one.y
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

    moved as (

        select clusters.node, coalesce(moves.label, clusters.node) as label, clusters.island
        from clusters
        left join {{ moves }} as moves on clusters.node = moves.node

    ),

    open_islands as (

        select distinct one.island
        from {{ now.pairs }} as pairs
        inner join moved as one on pairs.a = one.node
        inner join moved as other on pairs.b = other.node
        where pairs.can_join and one.label <> other.label

    )

    select moved.node, moved.label, moved.island
    from moved
    semi join open_islands on moved.island = open_islands.island
{%- endmacro %}

{% macro pooled_pairs(pairs, weights) -%}
    with pooled as (

        select
            min(one.island) as island,
            least(one.label, other.label) as a,
            greatest(one.label, other.label) as b,
            bool_or(pairs.is_never) as is_never,
            bool_or(pairs.can_join) as can_join
            {%- for column in weight_columns() %},
            max(pairs.{{ column }}) as {{ column }}
            {%- endfor %}
        from {{ pairs }} as pairs
        inner join left_over as one on pairs.a = one.node
        inner join left_over as other on pairs.b = other.node
        where one.island = other.island and one.label <> other.label
        group by least(one.label, other.label), greatest(one.label, other.label)

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
    {%- do work_table('labels', named_labels(moves)) -%}
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
                sides.node, coalesce(labels.label, sides.other) as label,
                count(*) as record_count, max(sides.match_weight) as match_weight
            from sides left join labels on sides.other = labels.node
            group by sides.node, coalesce(labels.label, sides.other)
        ),
        forbidden as (
            select decided.a as node, coalesce(labels.label, decided.b) as label from decided
            left join labels on decided.b = labels.node where decided.is_never
            union all
            select decided.b as node, coalesce(labels.label, decided.a) as label from decided
            left join labels on decided.a = labels.node where decided.is_never
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
            coalesce(attached.label, joined.label, labels.label) as label,
            coalesce(islands.label, some_records.record_no) as island
        from some_records
        inner join labels on some_records.record_no = labels.node
        left join attached on some_records.record_no = attached.node
        left join joined on some_records.record_no = joined.node
        left join islands on some_records.record_no = islands.node') -%}
{%- endmacro %}

{#- Where the tiers took each record, one after the other. -#}
{% macro named_labels(moves) -%}
    {%- set now = namespace(label='some_records.record_no', joins='') -%}
    {%- for each in moves -%}
        {%- set now.joins = now.joins ~ ' left join ' ~ each ~ ' on ' ~ now.label ~ ' = ' ~ each
            ~ '.node' -%}
        {%- set now.label = 'coalesce(' ~ each ~ '.label, ' ~ now.label ~ ')' -%}
    {%- endfor -%}
    select some_records.record_no as node, {{ now.label }} as label
    from some_records {{ now.joins }}
{%- endmacro %}
