{#-
Pairs (a, b) of records that share a block which is not too large. With `some`, only pairs with a
record of `dirty`.
-#}
{% macro candidate_pairs(profiles, dirty, some) -%}
with
{% if some -%}
dirty as (

    select *
    from {{ profiles }}
    where record_no in (select record_no from {{ dirty }})

),

dirty_blocks as (

    select block
    from ({{ block_members('dirty') }}) as dirty_members

),

{% endif -%}
members as (

    select
        block,
        cap,
        record_no
    from ({{ block_members(profiles) }}) as all_members
    {% if some -%}
    where block in (select block from dirty_blocks)
    {%- endif %}

),

blocks as (

    select block
    from members
    group by block
    having count(*) between 2 and max(cap)

),

compared as (

    select
        members.block,
        members.record_no
    from members
    semi join blocks on members.block = blocks.block

)

select distinct
    one.record_no as a,
    other.record_no as b
from compared as one
inner join compared as other on one.block = other.block
where
    one.record_no < other.record_no
    {% if some -%}
    and (
        one.record_no in (select record_no from dirty)
        or other.record_no in (select record_no from dirty)
    )
    {% endif %}
{%- endmacro %}


{#-
Records (record_no) whose pairs are not as they were: the changed ones, and the members of a block
that passed the cap, in either direction, because of them. None when all is built anew.
-#}
{% macro records_to_compare(changed, profiles, some) -%}
{%- if not some -%}
select record_no from {{ changed }} where false
{%- else -%}
with changed as (

    select *
    from {{ changed }}

),

changed_profiles as (

    select *
    from {{ profiles }}
    where record_no in (select record_no from changed)

),

moves as (

    -- by how much each block has grown
    select block, sum(moved) as moved
    from (
        select block, 1 as moved from ({{ block_members('changed_profiles') }}) as members_now
        union all
        select block, -1 as moved from ({{ block_members('changed') }}) as members_before
    ) as members_moved
    group by block
    having sum(moved) <> 0

),

members as (

    select
        all_members.block,
        all_members.cap,
        all_members.record_no,
        moves.moved
    from ({{ block_members(profiles) }}) as all_members
    inner join moves on all_members.block = moves.block

),

flipped as (

    -- a block that is compared from now on, or no longer
    select block
    from members
    group by block
    having (count(*) > max(cap)) <> (count(*) - max(moved) > max(cap))

)

select record_no from changed
union
select members.record_no
from members
semi join flipped on members.block = flipped.block
{%- endif -%}
{%- endmacro %}
