with told as (

    select
        reviews.*,
        case
            when reviews.term_no = 0 then 'Such a magic glow.'
            else one_of(reviews.review_no, 'term sentence', review_terms.sentences)
        end as term_sentence,
        case
            when reviews.stars >= 4 then one_of(reviews.review_no, 'opening', [
                'I am happy with it.', 'Better than I thought.', 'A good buy.', 'We love it at home.', 'Just what I was looking for.',
                'My sister wants one too.', 'I would buy it again.', 'Worth the money.'
            ])
            when reviews.stars = 3 then one_of(reviews.review_no, 'opening', [
                'It is all right.', 'Does what it should, no more.', 'I had hoped for a bit more.', 'Fine for the price.', 'Neither good nor bad.'
            ])
            else one_of(reviews.review_no, 'opening', [
                'I do not like it.', 'A pity.', 'I would not buy it again.', 'Not worth the money.', 'We sent ours back.',
                'I expected more.', 'It let me down.'
            ])
        end as opening,
        one_of(reviews.review_no, 'category sentence', case reviews.category
            when 'home' then ['It stands in our living room now.', 'It suits the rest of the flat.', 'Bought it for the new house.', 'The photos show the real tone.']
            when 'kitchen' then ['I use it for every meal.', 'It has its place beside the stove.', 'We cook a lot, so it is used every day.', 'Bought it for our first flat.']
            when 'garden' then ['It has been out on the terrace since spring.', 'My plants and I are used to it.', 'It has been through some rain.', 'Good for a small yard.']
            when 'sports' then ['I took it on a trip at the weekend.', 'I train three times a week with it.', 'It came along on two hikes.', 'My team mates asked about it.']
            when 'fashion' then ['I wear it to work.', 'It goes with most of what I have.', 'I wore it at a wedding.', 'After five washes it looks the same.']
            when 'beauty' then ['I use it in the morning.', 'My skin is used to it by now.', 'A little is enough.', 'It lasts me about two months.']
            when 'electronics' then ['Set up in ten minutes.', 'It has been on all day since.', 'The manual is short.', 'It works with what I had.']
            else ['The children play with it every day.', 'A present for my niece.', 'We had it on the table all evening.', 'For rainy afternoons.']
        end) as category_sentence,
        one_of(reviews.review_no, 'closing', [
            'Delivery was quick.', 'The box was bigger than needed.', 'I took it in the sale.', 'It came on a Tuesday as promised.',
            'That is all I can say so far.', 'I will write again in a year.', 'My partner thinks the same.', 'Ordered twice.'
        ]) as closing
    from product_reviews as reviews
    left join review_terms on reviews.term_no = review_terms.term_no
    where reviews.landed_on between getvariable('since') and getvariable('day')

)

select
    'V' || cast(told.review_no as varchar) as review_id,
    told.account_id,
    products.product_id,
    told.stars,
    case told.style
        when 'none' then null
        when 'es' then one_of(told.review_no, 'es', ['Lo compré el mes pasado y lo uso cada día.', 'Llegó pronto y bien embalado.', 'Por este precio no se puede pedir más.'])
        when 'de' then one_of(told.review_no, 'de', ['Kam schnell an und tut, was es soll.', 'Für den Preis ist das in Ordnung.', 'Ich habe es meiner Schwester geschenkt.'])
        when 'fr' then one_of(told.review_no, 'fr', ['Reçu en trois jours, rien à dire.', 'Je le trouve un peu cher.', 'Ma fille en est très contente.'])
        else
            told.opening
            || if(draw(told.review_no, 'says where') < 0.7, ' ' || told.category_sentence, '')
            || coalesce(' ' || told.term_sentence, '')
            || if(draw(told.review_no, 'closes') < 0.5, ' ' || told.closing, '')
            || case told.style
                when 'incentivised' then ' I received this product for free in exchange for my honest review.'
                when 'email' then ' Questions? Write to reader' || cast(told.review_no % 1000000 as varchar) || '@example.com.'
                when 'phone' then ' You can call me on (555) 201-' || lpad(cast(told.review_no % 10000 as varchar), 4, '0') || '.'
                else ''
            end
    end as text,
    iso(to_utc(desk_clock(told.reviewed), desk_zone())) as reviewed_at,
    told.landed_on
from told
inner join products on told.product_no = products.product_no
order by review_id, told.edit_no
