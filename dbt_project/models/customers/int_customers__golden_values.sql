{{ config(schema='vault') }}

with candidates as (

    select
        customer_id,
        attribute,
        attribute_group,
        rule,
        group_rank,
        value,
        match_value,
        source,
        source_record_id
    from {{ ref('int_customers__golden_candidates') }}

),

winners as (

    select *
    from candidates
    where group_rank = 1

),

compared as (

    -- what the other records of the customer say of the same attribute
    select
        customer_id,
        attribute,
        count(*) as candidate_count,
        min(case when group_rank > 1 then group_rank end) as runner_up_rank,
        min(match_value) <> max(match_value) as is_conflict
    from candidates
    group by customer_id, attribute
    having count(*) > 1

)

select
    -- ids
    winners.customer_id,
    winners.attribute,

    -- properties
    winners.attribute_group,
    winners.rule,
    winners.source,
    winners.source_record_id,
    runners_up.source as runner_up_source,
    coalesce(compared.is_conflict, false) as is_conflict,

    -- personal
    winners.value,
    winners.match_value,

    -- measures
    cast(coalesce(compared.candidate_count, 1) as bigint) as candidate_count
from winners
left join compared
    on
        winners.customer_id = compared.customer_id
        and winners.attribute = compared.attribute
left join candidates as runners_up
    on
        compared.customer_id = runners_up.customer_id
        and compared.attribute = runners_up.attribute
        and compared.runner_up_rank = runners_up.group_rank
