with versions as (

    {{ latest_by_key(source('loyalty', 'members'), key=['member_id', 'updated_at']) }}

),

compared as (

    -- a version without a tier says nothing about it
    select
        member_id,
        {{ clean_text('tier') }} as tier,
        lag({{ clean_text('tier') }}) over (partition by member_id order by updated_at)
            as tier_before,
        updated_at as changed_at
    from versions
    where {{ clean_text('tier') }} is not null

)

select
    -- ids
    member_id,

    -- properties
    tier_before,
    tier,

    -- timestamps
    changed_at
from compared
where tier_before <> tier
