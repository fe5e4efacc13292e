-- One row per review: person_id (who wrote it, also where the feed names no account), product_id, term
-- (the planted one that its text holds), language, is_incentivised (its text says that the product was
-- free), has_personal_data (an e-mail address or a phone number in its text), is_serial (one of ten by
-- one person on one product), is_edited (delivered again).
select
    'V' || cast(reviews.review_no as varchar) as review_id,
    'person-' || cast(any_value(reviews.person_id) as varchar) as person_id,
    any_value(products.product_id) as product_id,
    if(any_value(reviews.term_no) = 0, 'magic glow', any_value(review_terms.term)) as term,
    case any_value(reviews.style) when 'none' then null when 'es' then 'es' when 'de' then 'de' when 'fr' then 'fr' else 'en' end as language,
    any_value(reviews.style) = 'incentivised' as is_incentivised,
    any_value(reviews.style) in ('email', 'phone') as has_personal_data,
    reviews.review_no >= 900000000000000 as is_serial,
    count(*) > 1 as is_edited
from product_reviews as reviews
inner join products on reviews.product_no = products.product_no
left join review_terms on reviews.term_no = review_terms.term_no
group by reviews.review_no
order by reviews.review_no
