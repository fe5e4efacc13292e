with products as (

    select
        product_id,
        category,
        ' ' || coalesce(lower(subcategory), '') || ' ' as thing,
        ' ' || {{ regex_replace(
            "lower(concat_ws(' ', product_name, brand, designer, department, category, "
            ~ "subcategory, color, material, size))", '[^a-z0-9]+', ' '
        ) }} || ' ' as description
    from {{ ref('stg_catalogue__products') }}
    where category is not null

),

accounts as (

    select
        customer_id,
        source_record_id as account_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

written as (

    select
        reviews.review_id as text_id,
        reviews.product_id,
        accounts.customer_id as author,
        reviews.stars,
        reviews.text
    from {{ ref('stg_reviews__product_reviews') }} as reviews
    left join accounts on reviews.account_id = accounts.account_id
    where reviews.text is not null and reviews.reviewed_at < {{ as_of_end() }}
    union all
    select
        interaction_id as text_id,
        product_id,
        network || ':' || handle_match as author,
        null as stars,
        interaction_text as text
    from {{ ref('stg_social__interactions') }}
    where interaction_text is not null and interacted_at < {{ as_of_end() }}

),

scrubbed as (

    -- addresses and numbers out, sentences apart; whoever is not known may be one and the same
    select
        written.text_id,
        written.product_id,
        products.category,
        products.thing,
        coalesce(written.author, 'nobody known') as author,
        written.stars,
        {{ regex_matches('lower(written.text)', var('review_incentive_words')) }}
            as is_incentivised,
        trim({{ regex_replace(
            regex_replace(
                regex_replace(
                    regex_replace('lower(written.text)', '[^ ]*(@|www[.]|://)[^ ]*', ' | '),
                    '[^ ]*[0-9][^ ]*', ' | '
                ),
                '[.,;:!?()\n]+', ' | '
            ),
            ' +', ' '
        ) }}) as plain_text
    from written
    inner join products on written.product_id = products.product_id

),

words as (

    {{ words_of(
        'scrubbed',
        ['text_id', 'product_id', 'category', 'thing', 'author', 'stars', 'is_incentivised'],
        "split(plain_text, ' ')"
    ) }}

),

paired as (

    -- that a tent is called a tent tells nobody anything
    select
        text_id,
        product_id,
        category,
        author,
        stars,
        is_incentivised,
        word,
        instr(thing, ' ' || word || ' ') > 0 as is_thing,
        instr(thing, ' ' || lead(word) over (partition by text_id order by place) || ' ') > 0
            as is_next_thing,
        lead(word) over (partition by text_id order by place) as next_word,
        lag(word) over (partition by text_id order by place) as word_before
    from words

),

{%- set stop_words = '(' ~ quoted_list(var('review_stop_words')) ~ ')' %}
{%- set negations = '(' ~ quoted_list(var('review_negations')) ~ ')' %}

terms as (

    -- what is denied is another thing, and never counts without its denial
    select
        text_id,
        product_id,
        category,
        author,
        stars,
        is_incentivised,
        word as term
    from paired
    where
        length(word) > 2
        and word <> '|'
        and not is_thing
        and word not in {{ stop_words }}
        and word not in {{ negations }}
        and (word_before is null or word_before not in {{ negations }})
    union all
    select
        text_id,
        product_id,
        category,
        author,
        stars,
        is_incentivised,
        word || ' ' || next_word as term
    from paired
    where
        word <> '|'
        and next_word <> '|'
        and not is_thing
        and not is_next_thing
        and next_word not in {{ stop_words }}
        and word not in {{ stop_words }}
        and (word_before is null or word_before not in {{ negations }})

),

uses as (

    -- an author counts once, however often the term is said
    select
        product_id,
        category,
        term,
        author,
        bool_and(is_incentivised) as is_incentivised,
        sum(case when not is_incentivised then stars end) as stars,
        count(case when not is_incentivised then stars end) as rating_count,
        min(case when not is_incentivised then text_id end) as text_id
    from terms
    group by product_id, category, term, author

),

product_terms as (

    select
        product_id,
        category,
        term,
        count_if(not is_incentivised) as author_count,
        count_if(is_incentivised) as incentivised_count,
        -- an author's stars for the product, which may be several
        sum(cast(cast(stars as double) / nullif(rating_count, 0) as decimal(18, 6)))
            as stars,
        count(stars) as rating_count,
        min(text_id) as example_review_id
    from uses
    group by product_id, category, term

),

category_terms as (

    select
        category,
        term,
        count(distinct case when not is_incentivised then author end) as author_count,
        count(distinct case when is_incentivised then author end) as incentivised_count,
        sum(cast(cast(stars as double) / nullif(rating_count, 0) as decimal(18, 6)))
            as stars,
        count(stars) as rating_count,
        min(text_id) as example_review_id
    from uses
    group by category, term

),

compared as (

    -- a product against the rest of its category
    select
        product_terms.product_id,
        product_terms.category,
        product_terms.term,
        product_terms.author_count,
        product_terms.incentivised_count,
        product_terms.stars,
        product_terms.rating_count,
        product_terms.example_review_id,
        sum(product_terms.author_count) over (partition by product_terms.product_id) as said_here,
        sum(product_terms.author_count) over (
            partition by product_terms.category, product_terms.term
        ) as term_anywhere,
        sum(product_terms.author_count) over (partition by product_terms.category)
            as said_anywhere
    from product_terms
    union all
    -- and a category against all others
    select
        cast(null as string) as product_id,
        category,
        term,
        author_count,
        incentivised_count,
        stars,
        rating_count,
        example_review_id,
        sum(author_count) over (partition by category) as said_here,
        sum(author_count) over (partition by term) as term_anywhere,
        sum(author_count) over () as said_anywhere
    from category_terms

),

{%- set prior = var('review_prior_weight') %}

smoothed as (

    -- Monroe, Colaresi and Quinn (2008): log-odds with a Dirichlet prior of the usual words
    select
        product_id,
        category,
        term,
        author_count,
        incentivised_count,
        stars,
        rating_count,
        example_review_id,
        said_here,
        author_count + {{ prior }}e0 * term_anywhere / said_anywhere as here,
        said_here + {{ prior }}e0 as all_here,
        term_anywhere - author_count + {{ prior }}e0 * term_anywhere / said_anywhere as elsewhere,
        said_anywhere - said_here + {{ prior }}e0 as all_elsewhere
    from compared
    where
        author_count >= {{ var('review_min_authors') }}
        and said_anywhere > said_here
        and term_anywhere < said_anywhere

),

scored as (

    select
        *,
        (ln(here / (all_here - here)) - ln(elsewhere / (all_elsewhere - elsewhere)))
        / sqrt(1 / here + 1 / elsewhere) as z
    from smoothed

),

key_terms as (

    select
        *,
        ' ' || split_part(term, ' ', 1) || ' ' as first_word,
        ' ' || split_part(term, ' ', 2) || ' ' as second_word
    from scored
    where z >= {{ var('review_min_z') }}

),

described as (

    -- a category has what any product of it has
    select
        key_terms.product_id,
        key_terms.category,
        key_terms.term,
        bool_and(
            instr(products.description, key_terms.first_word) = 0
            and (
                key_terms.second_word = '  '
                or instr(products.description, key_terms.second_word) = 0
            )
        ) as is_missing_from_catalogue
    from key_terms
    inner join products
        on
            key_terms.category = products.category
            and coalesce(key_terms.product_id, products.product_id) = products.product_id
    group by key_terms.product_id, key_terms.category, key_terms.term

)

select
    -- ids
    key_terms.product_id,
    key_terms.category,
    key_terms.term,
    key_terms.example_review_id,

    -- properties
    case
        when key_terms.rating_count = 0 then null
        when key_terms.stars >= {{ var('review_positive_stars') }} * key_terms.rating_count
            then 'positive'
        when key_terms.stars <= {{ var('review_negative_stars') }} * key_terms.rating_count
            then 'negative'
        else 'mixed'
    end as polarity,
    described.is_missing_from_catalogue,

    -- measures
    key_terms.z,
    cast(key_terms.author_count as bigint) as author_count,
    cast(key_terms.incentivised_count as bigint) as incentivised_author_count,
    cast(key_terms.stars as double) / nullif(key_terms.rating_count, 0) as mean_stars
from key_terms
inner join described
    on
        key_terms.product_id is not distinct from described.product_id
        and key_terms.category = described.category
        and key_terms.term = described.term
