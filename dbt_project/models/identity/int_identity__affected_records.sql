{%- set before = last_built(this.schema, 'int_identity__clusters') %}

with dirty as (

    select record_no
    from {{ ref('int_identity__dirty_records') }}

),

scores as (

    select a, b
    from {{ ref('int_identity__scores') }}
    where match_weight >= {{ var('identity_review_weight') }}

),

overrides as (

    select
        {{ record_number("source_a || ':' || source_record_id_a") }} as a,
        {{ record_number("source_b || ':' || source_record_id_b") }} as b
    from {{ ref('identity_overrides') }}

),

touched as (

    select record_no from dirty
    union
    select b as record_no from scores where a in (select record_no from dirty)
    union
    select a as record_no from scores where b in (select record_no from dirty)
    union
    select b as record_no from overrides where a in (select record_no from dirty)
    union
    select a as record_no from overrides where b in (select record_no from dirty)

)

-- with all of the islands that they belonged to
select record_no
from touched
{% if before is not none -%}
union
select record_no
from {{ before }}
where
    island in (
        select island
        from {{ before }}
        where record_no in (select record_no from touched)
    )
{%- endif %}
