{{ config(schema='vault') }}
{%- set before = last_built('vault', 'int_identity__profiles') or ref('int_identity__guarded') %}

-- what the changed records said until now, as far as it decided whom they were compared with
select
    record_no,
    first_name,
    last_name,
    email,
    phone,
    birth_date,
    street,
    house_number,
    postcode
from {{ before }}
where record_no in (select record_no from {{ ref('int_identity__changed_records') }})
