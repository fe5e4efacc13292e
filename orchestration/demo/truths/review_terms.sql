-- One row per product. Planted: term of one or two words that nearly half of the authors of the
-- product's reviews use and hardly anybody else's, polarity ('+' or '-') and is_missing_from_catalogue
-- (no word of it stands in the product's name or attributes; false: the product's own material or the
-- adjective of its name). Its single words stand out too, and so does a word or two of the sentences
-- around it. All other products are null: nothing stands out. is_single_author: one person uses the
-- term in ten reviews, which must not count. review_count, author_count: delivered by the last day;
-- term_author_count: authors of reviews with the term, with an account or without.
with counted as (

    select
        product_no,
        count(distinct review_no) as review_count,
        count(distinct person_id) as author_count,
        count(distinct case when term_no > 0 then person_id end) as term_author_count
    from product_reviews
    group by product_no

)

select
    products.product_id,
    products.category,
    if(serial.product_no is not null, 'magic glow', review_terms.term) as term,
    review_terms.polarity,
    review_terms.is_missing_from_catalogue,
    serial.product_no is not null as is_single_author,
    coalesce(counted.review_count, 0) as review_count,
    coalesce(counted.author_count, 0) as author_count,
    case when review_terms.product_no is not null then counted.term_author_count end as term_author_count
from products
left join review_terms on products.product_no = review_terms.product_no
left join (
    select product_no from serial_reviewers group by product_no having count(*) = 1
) as serial on products.product_no = serial.product_no
left join counted on products.product_no = counted.product_no
order by products.product_id
