-- Reviews of products, and what a statistics office says about areas.
--
-- review_terms(term_no, product_no, product_id, category, term, polarity, is_missing_from_catalogue,
--            sentences): twelve popular products of which half of the authors say the same thing.
--            is_missing_from_catalogue: whether the catalogue has the word in no attribute.
-- serial_reviewers(person_id, product_no): people who review one product ten times over.
-- product_reviews(landed_on, review_no, edit_no, person_id, account_id, product_no, category, stars,
--            term_no, reviewed, style): sorted by landed_on. edit_no 1: the same review, edited.
--            term_no: the planted term it holds, 0 for the serial reviewers' own, null for none.
--            style: 'none' (stars alone), 'es', 'de', 'fr', 'incentivised', 'email', 'phone', 'plain'.
-- areas(landed_on, postcode_area, as_of_date, ..)

create table review_terms as
with planned (term_no, thing, source, term, polarity, sentences) as (

    values
    (1, 'jacket', 'new', 'not waterproof', '-',
        ['It is not waterproof at all.', 'Sadly not waterproof.', 'Mine is not waterproof and I came home wet.']),
    (2, 'coat', 'new', 'runs small', '-',
        ['It runs small.', 'This one runs small, so think twice.', 'Runs small on both of us.']),
    (3, 'backpack', 'new', 'zipper breaks', '-',
        ['The zipper breaks.', 'After some weeks the zipper breaks.', 'My zipper breaks again and again.']),
    (4, 'blender', 'new', 'very quiet', '+',
        ['It is very quiet.', 'Very quiet even late at night.', 'What I like most: very quiet.']),
    (5, 'perfume', 'new', 'smells strong', '-',
        ['It smells strong.', 'Smells strong for hours.', 'To me it smells strong and nothing else.']),
    (6, 'bowl', 'new', 'dishwasher safe', '+',
        ['It is dishwasher safe.', 'Dishwasher safe, which nobody tells you.', 'And it is dishwasher safe, I tried.']),
    (7, 'rug', 'material', null, '+',
        ['The * looks lovely.', 'Real *, and you can feel it.', 'I am fond of the *.']),
    (8, 'bench', 'material', null, '-',
        ['The * feels cheap.', 'The * came with marks.', 'I expected better * than that.']),
    (9, 'belt', 'material', null, '+',
        ['The * looks lovely.', 'Real *, and you can feel it.', 'I am fond of the *.']),
    (10, 'speaker', 'adjective', null, '+',
        ['So *, just as I hoped.', 'Nice and *.', 'It really is *.']),
    (11, 'puzzle', 'adjective', null, '+',
        ['So *, just as I hoped.', 'Nice and *.', 'It really is *.']),
    (12, 'tent', 'adjective', null, '+',
        ['So *, just as I hoped.', 'Nice and *.', 'It really is *.'])

),

ranked as (

    select
        planned.*,
        products.product_no,
        products.product_id,
        products.category,
        case planned.source
            when 'new' then planned.term
            when 'material' then products.material
            else lower(split_part(products.name, ' ', 1))
        end as found_term,
        row_number() over (partition by planned.term_no order by pools.place, products.product_no) as rank
    from planned
    inner join products on planned.thing = products.subcategory
    inner join pools on products.product_no = pools.product_no and pools.dimension = 'any'

)

select
    term_no,
    product_no,
    product_id,
    category,
    found_term as term,
    polarity,
    source = 'new' as is_missing_from_catalogue,
    list_transform(sentences, lambda sentence: replace(sentence, '*', found_term)) as sentences
from ranked
where rank = 1;

-- One in two thousand, at least two.
create table serial_reviewers as
select
    person_id,
    account_id,
    product_no,
    category
from (
    select
        identities.person_id,
        identities.account_id,
        1 + pick(identities.person_id, 'serial product', cast((select count(*) from products) as integer)) as product_no,
        row_number() over (order by draw(identities.person_id, 'serial reviewer'), identities.person_id) as place
    from identities
    inner join behaviours on identities.person_id = behaviours.person_id
    where identities.account_id is not null and behaviours.left_on is null
) as candidates
inner join products using (product_no)
where place <= greatest(2, people_count() // 2000) and product_no not in (select product_no from review_terms);

create table product_reviews as
with bought as (

    select
        lines.occasion_id * 100 + lines.line_number as review_no,
        lines.occasion_id,
        lines.product_no,
        review_terms.term_no
    from lines
    left join review_terms on lines.product_no = review_terms.product_no
    -- products about which there is something to say are reviewed more often
    where draw(lines.occasion_id * 100 + lines.line_number, 'reviews') < if(review_terms.term_no is null, 0.04, 0.3)

),

-- a person reviews a product once
written as (

    select
        bought.review_no,
        bought.product_no,
        bought.term_no,
        occasions.person_id,
        occasions.is_guest,
        behaviours.left_on,
        case
            when occasions.is_guest then null
            when draw(bought.review_no, 'other account') < 0.3
                then coalesce(identities.second_account_id, identities.account_id)
            else identities.account_id
        end as account_id,
        occasions.bought_on + 4 + pick(bought.review_no, 'reviews when', 25) as reviewed_on
    from bought
    inner join occasions on bought.occasion_id = occasions.occasion_id
    inner join behaviours on occasions.person_id = behaviours.person_id
    inner join identities on occasions.person_id = identities.person_id
    where behaviours.is_online
    qualify row_number() over (
        partition by occasions.person_id, bought.product_no order by occasions.bought_on, bought.review_no
    ) = 1

),

about as (

    select
        written.review_no,
        written.person_id,
        written.account_id,
        written.product_no,
        products.category,
        written.left_on,
        desk_seconds(written.reviewed_on, 25200) + pick(written.review_no, 'reviews at', 57600) as reviewed,
        case
            when written.term_no is not null and draw(written.review_no, 'uses term') < 0.47 then written.term_no
            -- now and then somebody says it of another product of the category
            when written.term_no is null and draw(written.review_no, 'uses term') < 0.008
                then list_aggregate(category_terms.term_nos, 'min')
        end as term_no,
        -- most products are good; a term's products are as good as it says
        3.2 + 1.4 * draw(written.product_no, 'quality') as quality,
        case
            when draw(written.review_no, 'review style') < 0.08 then 'none'
            when draw(written.review_no, 'review style') < 0.10 then one_of(written.review_no, 'language', ['es', 'de', 'fr'])
            when draw(written.review_no, 'review style') < 0.15 then 'incentivised'
            when draw(written.review_no, 'review style') < 0.17 then 'email'
            when draw(written.review_no, 'review style') < 0.175 then 'phone'
            else 'plain'
        end as style
    from written
    inner join products on written.product_no = products.product_no
    left join (
        select category, list(term_no) as term_nos from review_terms group by category
    ) as category_terms on products.category = category_terms.category

),

starred as (

    select
        about.* exclude (quality, term_no, left_on),
        0 as edit_no,
        about.left_on,
        if(about.style in ('none', 'es', 'de', 'fr'), null, about.term_no) as term_no,
        case
            when review_terms.polarity = '-' then 1 + pick(about.review_no, 'stars', 3)
            when review_terms.polarity = '+' or about.style = 'incentivised' then 4 + pick(about.review_no, 'stars', 2)
            else cast(least(5, greatest(1, round(about.quality + 1.1 * normal(about.review_no, 'stars')))) as integer)
        end as stars
    from about
    left join review_terms
        on about.term_no = review_terms.term_no and about.style not in ('none', 'es', 'de', 'fr')

),

all_reviews as (

    select * from starred

    union all

    -- thought better of it: a star more or less, the same words otherwise
    select * replace (
        1 as edit_no,
        reviewed + 86400 * (3 + pick(review_no, 'edits when', 20)) as reviewed,
        if(stars = 5, 4, stars + 1) as stars
    )
    from starred
    where draw(review_no, 'edits') < 0.02

    union all

    select
        900000000000000 + serial_reviewers.person_id * 100 + numbers.number,
        serial_reviewers.person_id,
        serial_reviewers.account_id,
        serial_reviewers.product_no,
        serial_reviewers.category,
        desk_seconds(first_day() + cast(day_count() // 4 as integer), 40000) + 86400 * numbers.number
        + pick(serial_reviewers.person_id * 100 + numbers.number, 'serial at', 30000),
        'plain',
        0,
        null,
        0,
        5
    from serial_reviewers
    cross join range(1, 11) as numbers (number)

)

select
    desk_day(reviewed) as landed_on,
    review_no,
    cast(edit_no as tinyint) as edit_no,
    person_id,
    account_id,
    product_no,
    category,
    cast(stars as tinyint) as stars,
    cast(term_no as tinyint) as term_no,
    reviewed,
    style
from all_reviews
where
    reviewed < desk_seconds(last_day() + 1, 0)
    and (left_on is null or desk_day(reviewed) < left_on)
order by landed_on;

-- Every area people live in and as many others, described twice: for the year before the period
-- and for a day in its middle.
create table areas as
with named as (

    select distinct prefix as postcode_area from cities
    union
    select lpad(cast(7 + 41 * number as varchar), 3, '0') from range(24) as numbers (number)

),

described as (

    select
        named.postcode_area,
        editions.*,
        draw(named.postcode_area, 'area population') as population_draw,
        draw(named.postcode_area, 'area income') as income_draw
    from named
    cross join (
        values
        (first_day(), date_trunc('year', first_day()) - interval 1 year, 'Census Office (demo)', 1.0),
        (
            first_day() + cast(floor(day_count() * 0.5) as integer),
            date_trunc('month', first_day() + cast(floor(day_count() * 0.5) as integer)),
            'Area Atlas (demo, modelled)', 1.03
        )
    ) as editions (landed_on, as_of_date, source, growth)

)

select
    landed_on,
    postcode_area,
    cast(as_of_date as date) as as_of_date,
    -- offices write a figure they must not give as -1
    case
        when draw(postcode_area || source, 'area unknown') < 0.05 then -1
        else cast(round((20000 + 400000 * population_draw) * growth) as bigint)
    end as population,
    case
        when draw(postcode_area || source, 'area unknown') < 0.05 then -1
        else cast(round((32000 + 70000 * income_draw) * growth, -2) as decimal(18, 2))
    end as median_income,
    -- richer areas own more homes and buy more online
    cast(0.35 + 0.3 * income_draw + 0.1 * draw(postcode_area, 'area owners') as decimal(9, 4)) as share_owner_occupied,
    cast(0.28 + 0.2 * draw(postcode_area, 'area young') as decimal(9, 4)) as share_under_30,
    cast(0.40 + 0.25 * income_draw + 0.1 * draw(postcode_area || source, 'area online') as decimal(9, 4)) as share_online_shoppers,
    source
from described
order by landed_on, postcode_area;
