-- lines without a receipt make no purchase, a receipt without lines makes an empty one, and a
-- receipt from after the as-of day waits: none of them silently
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'stg_pos__receipt_lines'}}}) }}

with receipts as (

    select receipt_id, sold_at
    from {{ ref('stg_pos__receipts') }}

),

receipts_on_lines as (

    select distinct receipt_id
    from {{ ref('stg_pos__receipt_lines') }}

)

select
    coalesce(receipts.receipt_id, receipts_on_lines.receipt_id) as receipt_id,
    case
        when receipts.receipt_id is null then 'lines without a receipt'
        when receipts_on_lines.receipt_id is null then 'receipt without lines'
        else 'receipt after the as-of day'
    end as problem
from receipts
full outer join receipts_on_lines on receipts.receipt_id = receipts_on_lines.receipt_id
where
    receipts.receipt_id is null
    or receipts_on_lines.receipt_id is null
    or receipts.sold_at >= {{ as_of_end() }}
