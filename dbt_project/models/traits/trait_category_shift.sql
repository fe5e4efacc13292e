{%- set recent_from = days_later(as_of(), '-' ~ var('category_shift_recent_days')) -%}
{%- set prior_from = days_later(
    as_of(), '-' ~ (var('category_shift_recent_days') + var('category_shift_prior_days'))
) -%}

with customers as (

    select customer_id
    from {{ ref('customers') }}

),

decisions as (

    -- what was bought, kept, and for oneself; several things of one category on a day are one
    -- decision
    select
        interactions.customer_id,
        versions.category,
        interactions.acted_on,
        interactions.acted_on > {{ recent_from }} as is_recent,
        count(*) as line_count
    from {{ ref('int_traits__product_interactions') }} as interactions
    inner join {{ ref('stg_catalogue__product_versions') }} as versions
        on
            interactions.product_id = versions.product_id
            and interactions.product_valid_from = versions.valid_from
    where
        interactions.kind = 'purchase'
        and interactions.is_choice
        and interactions.acted_on > {{ prior_from }}
        and versions.category is not null
    group by interactions.customer_id, versions.category, interactions.acted_on

),

mixes as (

    select
        customer_id,
        category,
        sum(case when is_recent then line_count else 0 end) as recent_line_count,
        sum(case when not is_recent then line_count else 0 end) as prior_line_count,
        count_if(is_recent) as recent_count,
        count_if(not is_recent) as prior_count
    from decisions
    group by customer_id, category

),

totals as (

    select
        customer_id,
        cast(sum(recent_line_count) as bigint) as recent_line_count,
        cast(sum(prior_line_count) as bigint) as prior_line_count,
        cast(sum(recent_count) as bigint) as recent_count,
        cast(sum(prior_count) as bigint) as prior_count,
        count(*) as category_count
    from mixes
    group by customer_id

),

shares as (

    select
        mixes.customer_id,
        mixes.category,
        mixes.recent_count,
        mixes.prior_count,
        cast(mixes.recent_count as double) / totals.recent_count as recent_share,
        cast(mixes.prior_count as double) / totals.prior_count as prior_share
    from mixes
    inner join totals on mixes.customer_id = totals.customer_id
    where
        totals.recent_line_count >= {{ var('category_shift_min_lines') }}
        and totals.prior_line_count >= {{ var('category_shift_min_lines') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by customer_id order by recent_share - prior_share desc, category asc
        ) as gain_rank,
        row_number() over (
            partition by customer_id order by recent_share - prior_share asc, category asc
        ) as loss_rank
    from shares

),

sums as (

    -- the divergence in bits, Pearson's statistic, and what its variance hangs on; as decimals,
    -- whose sums no order of rows can change
    select
        customer_id,
        cast(sum(cast(
            case
                when recent_count > 0
                    then recent_share * log2(2 * recent_share / (recent_share + prior_share))
                else 0e0
            end
            + case
                when prior_count > 0
                    then prior_share * log2(2 * prior_share / (recent_share + prior_share))
                else 0e0
            end as decimal(18, 12)
        )) as double) / 2 as divergence,
        cast(sum(cast(
            (recent_share - prior_share) * (recent_share - prior_share)
            / (recent_count + prior_count) as decimal(18, 12)
        )) as double) as squares,
        cast(sum(cast(1e0 / (recent_count + prior_count) as decimal(18, 12))) as double)
            as reciprocals,
        max(case when gain_rank = 1 then category end) as gained_category,
        max(case when loss_rank = 1 then category end) as lost_category
    from ranked
    group by customer_id

),

counted as (

    select
        sums.customer_id,
        sums.divergence,
        sums.gained_category,
        sums.lost_category,
        sums.reciprocals,
        cast(totals.category_count as double) as k,
        cast(totals.recent_count + totals.prior_count as double) as n,
        cast(totals.recent_count as double) as a,
        cast(totals.prior_count as double) as b,
        sums.squares * totals.recent_count * totals.prior_count as chi_square
    from sums
    inner join totals on sums.customer_id = totals.customer_id

),

dealt as (

    -- were the same decisions dealt out at random over both spans: mean and variance of chi-square
    -- with all margins fixed (Haldane 1940), which hold for few decisions, too
    select
        *,
        n * (k - 1) / (n - 1) as mean,
        2 * n / (n - 3)
        * ((k - 1) * (n - k) / (n - 1) - (n * reciprocals - k * k) / (n - 2))
        * ((n - 2) / (n - 1) - (n * n / (a * b) - 4) / (n - 2))
        + n * n / (n - 1)
        * ((n * reciprocals - k * k) / (n - 2)) * ((n * n / (a * b) - 4) / (n - 2)) as variance
    from counted
    where k > 1

),

scored as (

    -- a gamma distribution of that mean and variance, by its cube root (Wilson and Hilferty 1931)
    select
        customer_id,
        divergence,
        gained_category,
        lost_category,
        mean / (8 * ln(2e0) * a * b / n) as expected_divergence,
        case
            when variance > 0
                then
                    (power(chi_square / mean, 1e0 / 3) - 1 + variance / (9 * mean * mean))
                    / sqrt(variance / (9 * mean * mean))
        end as shift_z
    from dealt

),

judged as (

    select
        *,
        coalesce(shift_z >= {{ var('category_shift_min_z') }}, false)
        and divergence >= {{ var('category_shift_min_ratio') }} * expected_divergence
            as has_shifted
    from scored

)

select
    -- ids
    customers.customer_id,

    -- properties
    coalesce(judged.has_shifted, false) as has_shifted,
    sums.customer_id is not null as is_judged,
    case when judged.has_shifted then judged.gained_category end as gained_category,
    case when judged.has_shifted then judged.lost_category end as lost_category,

    -- measures
    -- rounding may leave less than nothing
    case when sums.customer_id is not null then sqrt(greatest(0e0, sums.divergence)) end
        as category_distance,
    case
        when sums.customer_id is not null
            then sqrt(least(1e0, coalesce(judged.expected_divergence, 0e0)))
    end as expected_category_distance,
    judged.shift_z,
    coalesce(totals.recent_line_count, 0) as recent_line_count,
    coalesce(totals.prior_line_count, 0) as prior_line_count
from customers
left join totals on customers.customer_id = totals.customer_id
left join sums on customers.customer_id = sums.customer_id
left join judged on customers.customer_id = judged.customer_id
