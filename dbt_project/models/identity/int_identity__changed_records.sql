-- depends_on: {{ ref('int_identity__build') }}
{%- set before = last_built('vault', 'int_identity__profiles') %}

with guarded as (

    select record_no, content_key
    from {{ ref('int_identity__guarded') }}

)

{% if before is none -%}
-- all is built anew
select record_no, false as is_gone
from guarded
where false
{%- else -%}
select
    coalesce(guarded.record_no, before.record_no) as record_no,
    guarded.record_no is null as is_gone
from guarded
full outer join {{ before }} as before on guarded.record_no = before.record_no
where guarded.content_key is distinct from before.content_key
{%- endif %}
