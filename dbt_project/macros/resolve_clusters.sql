{#- Resolves the affected records, or all when all is built anew: see resolve_clusters. -#}
{% macro resolve_affected(affected, profiles, scores, overrides) -%}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
        {%- set some = ' where record_no in (select record_no from ' ~ affected ~ ')' -%}
        {%- set inside = ' where a in (select record_no from ' ~ affected ~ ')'
            ~ ' and b in (select record_no from ' ~ affected ~ ')' -%}
        {%- do work_table(
            'some_profiles', 'select * from ' ~ profiles ~ (some if is_incremental() else '')
        ) -%}
        {%- do work_table(
            'some_scores', 'select * from ' ~ scores ~ (inside if is_incremental() else '')
        ) -%}
        {%- do resolve_clusters('some_scores', 'some_profiles', overrides) -%}
    {%- endif -%}
{%- endmacro %}


{#-
Writes the work table `resolved` (node, label, island): which records are one person. An island is
all that pairs at or above the review weight connect: whatever is joined is joined inside of one,
so that each can be resolved without the others.

Strongest first: in each tier the pairs of clusters at or above its weight are joined, and a pair's
weight is that of all that the two clusters' records show together, the best of each comparison. A
join is not made when it would break a guard: two loyalty numbers, more records than a person can
have, two records that too little speaks for, or a contradiction that by itself makes two people of
one home likelier than one person. Of such a component only the pairs that are each other's best are
joined, and none when that is still not enough. In the weakest tier that goes for all components:
weak links do not chain. Records without a name come last and join one cluster at most, so that a
shared mailbox bridges nobody.

Overrides come before all: always_link joins in spite of any guard, never_link is a guard.
-#}
{% macro resolve_clusters(scores, profiles, overrides) -%}
    {%- set weights = [] -%}
    {%- set best = [] -%}
    {%- for comparison in var('identity_comparisons') -%}
        {%- for kind in ('weight', 'household') -%}
            {%- set column = comparison.name ~ '_' ~ kind -%}
            {%- do weights.append(column) -%}
            {%- do best.append('max(' ~ column ~ ') as ' ~ column) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do work_table('decided', '
        select
            ' ~ record_number("source_a || ':' || source_record_id_a") ~ ' as a,
            ' ~ record_number("source_b || ':' || source_record_id_b") ~ " as b,
            kind = 'never_link' as is_never
        from " ~ overrides) -%}
    {%- do work_table('priors', 'select prior_weight, household_prior_weight from '
        ~ ref('int_identity__weights')) -%}
    {%- do work_table('nameless', 'select record_no from ' ~ profiles
        ~ ' where first_name is null and last_name is null') -%}
    {%- do work_table('labels', 'select record_no as node, record_no as label from ' ~ profiles) -%}
    {%- do work_table('loyalty', 'select record_no as label, loyalty_id from ' ~ profiles
        ~ ' where loyalty_id is not null') -%}
    {%- do work_table('pairs', '
        select a, b, match_weight, false as is_never,
            match_weight >= ' ~ var('identity_review_weight') ~ ' as can_join, ' ~ weights | join(', ') ~ '
        from ' ~ scores ~ ' where not a_is_nameless and not b_is_nameless
        union all
        select least(a, b), greatest(a, b), -1000, true, false, '
            ~ 'null, ' * (weights | length - 1) ~ 'null
        from decided where is_never') -%}

    {%- do work_table('joins', 'select a, b, 1000 as match_weight from decided where not is_never') -%}
    {%- do connected_components('joins', 'joined') -%}
    {%- do merge_clusters(weights, best) -%}
    {%- for tier in var('identity_tiers') -%}
        {%- set joins = 'select a, b, match_weight from pairs where can_join and match_weight >= ' ~ tier -%}
        {%- if work_table('joins', joins) > 0 -%}
            {%- do connected_components('joins', 'joined') -%}
            {%- set all = 'select distinct label from joined' -%}
            {%- if work_table('refused', all if loop.last else refused_joins()) > 0 -%}
                {%- do work_table('best_joins', each_others_best()) -%}
                {%- do connected_components('best_joins', 'joined') -%}
                {%- if work_table('refused', refused_joins()) > 0 -%}
                    {%- do work_table('joins', '
                        select a, b from best_joins
                        inner join joined on best_joins.a = joined.node
                        where joined.label not in (select label from refused)') -%}
                    {%- do connected_components('joins', 'joined') -%}
                {%- endif -%}
            {%- endif -%}
            {%- do merge_clusters(weights, best) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do attach_nameless(scores) -%}
{%- endmacro %}


{#- Components that break a guard, of the work tables joined, pairs, loyalty, labels. -#}
{% macro refused_joins() -%}
    select joined.label
    from loyalty
    inner join joined on loyalty.label = joined.node
    group by joined.label
    having count(distinct loyalty.loyalty_id) > 1
    union
    select one.label
    from pairs
    inner join joined as one on pairs.a = one.node
    inner join joined as other on pairs.b = other.node
    cross join priors
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
    union
    select joined.label
    from labels
    inner join joined on labels.label = joined.node
    group by joined.label
    having count(*) > {{ var('identity_records_per_customer') }}
{%- endmacro %}


{#- All joins of the components that break no guard; of the others, those of best pairs. -#}
{% macro each_others_best() -%}
    with marked as (

        select
            joins.a,
            joins.b,
            joins.match_weight,
            refused.label is not null as is_refused
        from joins
        inner join joined on joins.a = joined.node
        left join refused on joined.label = refused.label

    ),

    sides as (

        select a as x, b as y, match_weight from marked where is_refused
        union all
        select b as x, a as y, match_weight from marked where is_refused

    ),

    favourites as (

        select x, y
        from sides
        qualify row_number() over (partition by x order by match_weight desc, y) = 1

    )

    select marked.a, marked.b, marked.match_weight
    from marked
    where not marked.is_refused
    union all
    select marked.a, marked.b, marked.match_weight
    from marked
    inner join favourites as one on marked.a = one.x and marked.b = one.y
    inner join favourites as other on marked.b = other.x and marked.a = other.y
    where marked.is_refused
{%- endmacro %}


{#- What was joined is one cluster from here on, and its pairs with another cluster are one pair. -#}
{% macro merge_clusters(weights, best) -%}
    {%- do work_table('labels', '
        select labels.node, coalesce(joined.label, labels.label) as label
        from labels left join joined on labels.label = joined.node') -%}
    {%- do work_table('loyalty', '
        select coalesce(joined.label, loyalty.label) as label, loyalty.loyalty_id
        from loyalty left join joined on loyalty.label = joined.node') -%}
    {%- do work_table('pairs', '
        with relabelled as (
            select
                coalesce(one.label, pairs.a) as one,
                coalesce(other.label, pairs.b) as other,
                pairs.is_never,
                pairs.can_join,
                ' ~ weights | join(', ') ~ '
            from pairs
            left join joined as one on pairs.a = one.node
            left join joined as other on pairs.b = other.node
        ),
        pooled as (
            select
                least(one, other) as a,
                greatest(one, other) as b,
                bool_or(is_never) as is_never,
                bool_or(can_join) as can_join,
                ' ~ best | join(', ') ~ '
            from relabelled
            where one <> other
            group by least(one, other), greatest(one, other)
        )
        select
            pooled.*,
            case when pooled.is_never then -1000 else '
            ~ match_weight('priors.prior_weight', 'priors.household_prior_weight')
            ~ ' end as match_weight
        from pooled cross join priors') -%}
{%- endmacro %}


{#- A nameless record joins the cluster most of whose records share what it has, or other nameless
    ones when there is none. -#}
{% macro attach_nameless(scores) -%}
    {%- set least = var('identity_tiers')[-1] -%}
    {%- do work_table('attached', '
        with sides as (
            select a as node, b as other, match_weight from ' ~ scores ~ '
            where a_is_nameless and not b_is_nameless
            union all
            select b as node, a as other, match_weight from ' ~ scores ~ '
            where b_is_nameless and not a_is_nameless
        ),
        offers as (
            select
                sides.node, labels.label,
                count(*) as record_count, max(sides.match_weight) as match_weight
            from sides inner join labels on sides.other = labels.node
            where sides.match_weight >= ' ~ least ~ '
            group by sides.node, labels.label
        ),
        forbidden as (
            select decided.a as node, labels.label from decided
            inner join labels on decided.b = labels.node where decided.is_never
            union all
            select decided.b as node, labels.label from decided
            inner join labels on decided.a = labels.node where decided.is_never
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
        select a, b from ' ~ scores ~ '
        where a_is_nameless and b_is_nameless and match_weight >= ' ~ least ~ '
        and a not in (select node from attached) and b not in (select node from attached)') -%}
    {%- do connected_components('joins', 'joined') -%}
    {%- do work_table('joins', '
        select a, b from ' ~ scores ~ ' where match_weight >= ' ~ var('identity_review_weight') ~ '
        union all select a, b from decided where not is_never') -%}
    {%- do connected_components('joins', 'islands') -%}
    {%- do work_table('resolved', '
        select
            labels.node,
            coalesce(attached.label, joined.label, labels.label) as label,
            coalesce(islands.label, labels.node) as island
        from labels
        left join attached on labels.node = attached.node
        left join joined on labels.node = joined.node
        left join islands on labels.node = islands.node') -%}
{%- endmacro %}
