-- each source record has a customer, each customer a segment
{{ config(meta={'dagster': {'ref': {'name': 'customer_segments'}}}) }}

select 'customer_records' as missing_from, records.source_record_id as missing_id
from {{ ref('int_identity__records') }} as records
left join {{ ref('customer_records') }} as customer_records
    on
        records.source = customer_records.source
        and records.source_record_id = customer_records.source_record_id
        and customer_records.valid_to is null
where customer_records.customer_id is null
union all
select 'customers' as missing_from, customer_records.customer_id as missing_id
from {{ ref('customer_records') }} as customer_records
left join {{ ref('customers') }} as customers
    on customer_records.customer_id = customers.customer_id
where customer_records.valid_to is null and customers.customer_id is null
union all
select 'customer_segments' as missing_from, customers.customer_id as missing_id
from {{ ref('customers') }} as customers
left join {{ ref('customer_segments') }} as segments
    on customers.customer_id = segments.customer_id
where segments.customer_id is null
