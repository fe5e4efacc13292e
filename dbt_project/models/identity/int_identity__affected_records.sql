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

    {{ numbered_overrides(ref('identity_overrides')) }}

),

links as (

    -- each from both of its ends
    select a as record_no, b as other_no from scores
    union all
    select b as record_no, a as other_no from scores
    union all
    select a as record_no, b as other_no from overrides
    union all
    select b as record_no, a as other_no from overrides

),

touched as (

    select dirty.record_no
    from dirty
    union
    select links.other_no as record_no
    from links
    semi join dirty on links.record_no = dirty.record_no

),

islands as (

    -- what they belonged to
    {{ islands_of(before, 'touched') }}

)

select record_no
from touched
union
select record_no
from islands
