{{ config(schema='vault') }}
{%- set before = last_built('vault', 'int_identity__profiles') or ref('int_identity__guarded') %}

-- what the changed records said until now, as far as it decided whom they were compared with
select
    before.record_no,
    before.first_name,
    before.last_name,
    before.email,
    before.phone,
    before.birth_date,
    before.street,
    before.house_number,
    before.postcode
from {{ before }} as before
semi join {{ ref('int_identity__changed_records') }} as changed
    on before.record_no = changed.record_no
