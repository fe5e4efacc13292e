"""The demo's help desk, surveys, reviews and areas: what lands carries what the truth says."""

from __future__ import annotations

import pytest

from tests.demo import Demo

QUIET_TOPICS = {
    "wrong_item",
    "payment_failed",
    "product_question",
    "loyalty_points",
    "refund_missing",
}


def _tickets(demo: Demo) -> str:
    """SQL: every ticket as it was last told, without the refused rows."""
    return f"""(
        from {demo.feed("helpdesk.tickets")}
        where channel <> 'fax'
        qualify row_number() over (
            partition by ticket_id order by updated_at desc, landed_on desc
        ) = 1
    )"""


def _events(demo: Demo) -> str:
    """SQL: every event once, without the refused rows."""
    return f"""(
        select distinct event_id, ticket_id, cast(event_at as timestamp) as event_at, author_role,
            kind, is_public, value, text
        from {demo.feed("helpdesk.ticket_events")}
        where author_role <> 'robot' and ticket_id is not null
    )"""


def _responses(demo: Demo) -> str:
    """SQL: every answer with its score and what is true of it, without the refused rows."""
    return f"""(
        select responses.* exclude (score, survey, wave), try_cast(score as double) as score,
            facts.* exclude (response_id)
        from {demo.feed("survey.responses")} as responses
        inner join {demo.told("response_facts")} as facts using (response_id)
        where try_cast(score as double) between 0
            and coalesce(cast(scale_max as integer), if(responses.survey = 'nps', 10, 5))
    )"""


def test_a_ticket_is_sent_again_whenever_it_changed(demo: Demo) -> None:
    sent, tickets, backwards = demo.ask(f"""
        select count(*), count(distinct ticket_id), count_if(updated_at < before)
        from (
            select ticket_id, updated_at,
                lag(updated_at) over (
                    partition by ticket_id order by landed_on, updated_at
                ) as before
            from {demo.feed("helpdesk.tickets")} where channel <> 'fax'
        )
    """)[0]
    assert 2 < sent / tickets < 5
    assert backwards == 0
    truth = demo.number(f"select count(*) from {demo.told('ticket_facts')}")
    assert 0.98 * truth < tickets <= truth


def test_shares_of_tickets_are_as_planted(demo: Demo) -> None:
    merged, spam, deleted, open_, no_topic, urgent, unidentified = demo.ask(f"""
        select
            avg((status = 'merged' or topic = 'closed_by_merge')::int),
            avg((status = 'spam' or topic = 'spam')::int),
            avg((status = 'deleted')::int),
            avg((status in ('new', 'open', 'pending', 'hold') and created_at < '2017-11-15')::int),
            avg((topic is null)::int),
            avg((priority = 'urgent')::int),
            avg((
                account_id is null and order_id is null and (
                    requester_email is null and requester_phone is null
                    or requester_email like 'visitor%' or requester_phone like '+1555%'
                )
            )::int)
        from {_tickets(demo)}
    """)[0]
    assert 0.008 < merged < 0.035
    assert 0.008 < spam < 0.035
    assert 0.001 < deleted < 0.02
    assert 0.008 < open_ < 0.05
    assert 0.10 < no_topic < 0.22
    assert 0.03 < urgent < 0.10
    assert 0.08 < unidentified < 0.18


def test_first_human_replies_are_in_the_events(demo: Demo) -> None:
    # what a bot says, and notes, come earlier and must not count; nor does an agent's opening
    rows = demo.ask(f"""
        with replies as (
            select ticket_id, min(event_at) as replied_at
            from {_events(demo)}
            where author_role = 'agent' and kind = 'message' and is_public = 'true'
            group by ticket_id
        ), naive as (
            select ticket_id, min(event_at) as replied_at
            from {_events(demo)}
            where author_role <> 'customer' and kind in ('message', 'note')
            group by ticket_id
        )
        select
            count_if(replies.replied_at is not distinct from facts.first_human_reply_at),
            count_if(naive.replied_at < facts.first_human_reply_at),
            count(*)
        from {demo.told("ticket_facts")} as facts
        left join replies using (ticket_id)
        left join naive using (ticket_id)
        where not facts.is_agent_opened and not facts.is_spam
    """)
    equal, earlier, count = rows[0]
    assert equal > 0.985 * count
    assert earlier > 0.25 * count


def test_solutions_and_priorities_are_in_the_events(demo: Demo) -> None:
    solved, first_priority, agent_opened, reopened, count = demo.ask(f"""
        with events as (
            select
                ticket_id,
                min(case when value = 'solved' then event_at end) as solved_at,
                arg_min(value, event_at) filter (where kind = 'priority') as first_priority,
                arg_min(author_role, event_at) filter (where kind = 'message') as opened_by,
                max(case when value = 'open' then event_at end) as last_open_at
            from {_events(demo)}
            group by ticket_id
        )
        select
            avg((solved_at is not distinct from first_solved_at)::int),
            avg((first_priority = priority_at_creation)::int),
            avg(((opened_by = 'agent') = is_agent_opened)::int),
            avg((coalesce(last_open_at > solved_at, false) = reopened)::int),
            count(*)
        from {demo.told("ticket_facts")} inner join events using (ticket_id)
    """)[0]
    assert count > 500
    assert min(solved, first_priority, agent_opened, reopened) > 0.98


def test_shares_of_what_happens_to_tickets_are_as_planted(demo: Demo) -> None:
    one_touch, reopened, never_solved, agent_opened, changed, closed_unsolved = demo.ask(f"""
        select avg(is_one_touch::int), avg(reopened::int), avg(never_solved::int),
            avg(is_agent_opened::int), avg(priority_changed::int), avg(is_closed_unsolved::int)
        from {demo.told("ticket_facts")} where not (is_spam or is_merged or is_deleted)
    """)[0]
    assert 0.38 < one_touch < 0.52
    assert 0.045 < reopened < 0.095
    assert 0.02 < never_solved < 0.065
    assert 0.02 < agent_opened < 0.065
    assert 0.05 < changed < 0.115
    assert 0.005 < closed_unsolved < 0.04


def test_answers_come_slowly_in_the_slow_period_only(demo: Demo) -> None:
    ((started_on, ended_on, factor, _),) = demo.ask(f"from {demo.told('service_slow_period')}")
    assert (ended_on - started_on).days >= 41
    medians = {
        (channel, period): seconds
        for channel, period, seconds in demo.ask(f"""
            select
                channel,
                case
                    when created_at < timestamp '{started_on}' then 'before'
                    when created_at < timestamp '{ended_on}' then 'slow'
                    else 'after'
                end as period,
                median(epoch(first_human_reply_at) - epoch(created_at))
            from {demo.told("ticket_facts")}
            where channel in ('chat', 'phone') and not is_agent_opened
                -- not at closing time, when chats wait for the next day
                and hour(created_at) between 13 and 22
            group by all
        """)
    }

    def ratio(period: str) -> float:
        """Times as slow as before, over both channels."""
        chat, phone = (
            medians[channel, period] / medians[channel, "before"] for channel in ("chat", "phone")
        )
        return float((chat * phone) ** 0.5)

    assert factor == 2
    assert 1.45 < ratio("slow") < 2.7
    assert 0.7 < ratio("after") < 1.4


def test_planted_issues_rise_and_quiet_topics_do_not(demo: Demo) -> None:
    issues = demo.ask(f"""
        select topic, started_on, ended_on, topic_multiple
        from {demo.told("recurring_issues")} where started_on is not null
    """)
    assert {topic for topic, *_ in issues} == {
        "damaged_item", "coupon_not_working", "login_problem", "unavailable_product",
        "delivery_late",
    }  # fmt: skip
    quiet = {topic for (topic,) in demo.ask(
        f"select topic from {demo.told('recurring_issues')} where started_on is null"
    )}  # fmt: skip
    assert quiet == QUIET_TOPICS

    def ratio(topics: set[str], start: object, end: object) -> float:
        listed = ", ".join(f"'{topic}'" for topic in sorted(topics))
        inside, outside = demo.ask(f"""
            select count_if(is_inside), count_if(not is_inside)
            from (
                select cast(created_at as timestamp)::date between '{start}' and '{end}'
                    as is_inside
                from {_tickets(demo)}
                where topic in ({listed}) and status not in ('merged', 'spam', 'deleted')
            )
        """)[0]
        days = demo.number(f"select date '{end}' - date '{start}' + 1")
        return float((inside / days) / (outside / (365 - days)))

    for topic, start, end, topic_multiple in issues:
        background = ratio(QUIET_TOPICS, start, end)
        assert ratio({topic}, start, end) / background > max(1.7, 0.55 * topic_multiple), topic
        assert 0.5 < background < 2.0, topic


def test_damaged_items_are_kitchen_ones(demo: Demo) -> None:
    shares = dict(demo.ask(f"""
        with kitchen_orders as (
            select distinct order_id
            from {demo.feed("shop.order_lines")} as order_lines
            inner join (
                select distinct product_id from {demo.feed("catalogue.products")}
                where category = 'kitchen'
            ) as kitchen using (product_id)
        )
        select
            cast(created_at as timestamp)::date between issues.started_on and issues.ended_on,
            avg((kitchen_orders.order_id is not null)::int)
        from {_tickets(demo)} as tickets
        cross join {demo.told("recurring_issues")} as issues
        left join kitchen_orders on tickets.order_id = kitchen_orders.order_id
        where issues.topic = 'damaged_item' and tickets.topic = 'damaged_item'
            and tickets.order_id is not null
        group by all
    """))  # fmt: skip
    assert shares[True] > 0.55
    assert shares[False] < 0.65 * shares[True]


def test_tickets_come_more_often_after_late_deliveries(demo: Demo) -> None:
    late, in_time = demo.ask(f"""
        with orders as (
            select order_id,
                bool_or(cast(delivered_at as timestamp) >= cast(promised_date as date) + 1)
                    as is_late
            from {demo.feed("shop.orders")} where delivered_at is not null group by order_id
        ), asked as (
            select distinct order_id from {_tickets(demo)} where topic = 'delivery_late'
        )
        select avg((asked.order_id is not null)::int) filter (where is_late),
            avg((asked.order_id is not null)::int) filter (where not is_late)
        from orders left join asked using (order_id)
    """)[0]
    assert 0.10 < late < 0.30
    assert in_time < 0.02


@pytest.mark.parametrize("touchpoint", ["relational", "order"])
def test_nps_is_as_planted_in_every_cell(demo: Demo, touchpoint: str) -> None:
    cells = demo.ask(f"""
        with counted as (
            -- the last valid answer of a person in a wave, or about an order
            select *, coalesce(wave, order_id) as about from {_responses(demo)}
            where survey = 'nps' and touchpoint = '{touchpoint}' and score = floor(score)
            qualify row_number() over (
                partition by person_id, about order by answered_at desc
            ) = 1
        ), said as (
            select wave, segment, count(*) as n,
                100.0 * (avg((score >= 9)::int) - avg((score <= 6)::int)) as nps
            from counted group by all
        )
        select cells.wave, cells.segment, cells.promoter, cells.detractor, cells.nps, said.n,
            said.nps
        from {demo.told("nps_cells")} as cells
        inner join said on cells.wave is not distinct from said.wave
            and cells.segment = said.segment
        where cells.touchpoint = '{touchpoint}'
    """)
    assert len(cells) == (12 if touchpoint == "relational" else 2)
    for wave, segment, promoter, detractor, planted, n, said in cells:
        variance = promoter + detractor - (promoter - detractor) ** 2
        assert abs(said - planted) < 400 * (variance / n) ** 0.5, (wave, segment, n)
    # the rule's answers are those that the truth counts
    assert demo.number(f"""
        select count(*) from {_responses(demo)}
        where is_counted and not (survey = 'csat' or score = floor(score))
    """) == 0  # fmt: skip


def test_one_wave_drops_and_the_others_do_not(demo: Demo) -> None:
    said = dict(demo.ask(f"""
        select wave, 100.0 * (avg((score >= 9)::int) - avg((score <= 6)::int))
        from {_responses(demo)} where touchpoint = 'relational' and is_counted group by wave
    """))  # fmt: skip
    assert sorted(said) == ["2017-Q1", "2017-Q2", "2017-Q3", "2017-Q4"]
    usual = [said[wave] for wave in said if wave != "2017-Q3"]
    assert said["2017-Q3"] < min(usual) - 10
    assert max(usual) - min(usual) < 22
    changed = dict(demo.ask(f"""
        select wave, changed from {demo.told("nps_cells")}
        where touchpoint = 'relational' and segment = 'all'
    """))  # fmt: skip
    assert changed == {"2017-Q1": None, "2017-Q2": False, "2017-Q3": True, "2017-Q4": True}


def test_csat_is_as_planted(demo: Demo) -> None:
    cells = demo.ask(f"""
        with said as (
            select touchpoint, segment, count(*) as n,
                avg((100 * (score - 1) / (if(touchpoint = 'ticket', 5, 7) - 1) >= 75)::int) as good
            from {_responses(demo)} where survey = 'csat' and is_counted group by all
        )
        select segment, satisfied, n, good, is_planted
        from {demo.told("csat_cells")} inner join said using (touchpoint, segment)
    """)
    for segment, satisfied, n, good, _ in cells:
        if n >= 10:
            deviation = (satisfied * (1 - satisfied) / n) ** 0.5
            assert abs(good - satisfied) < 4 * deviation, (segment, n)
    low = sum(good * n for _, _, n, good, planted in cells if planted)
    low_count = sum(n for _, _, n, _, planted in cells if planted)
    rest = sum(good * n for _, _, n, good, planted in cells if not planted)
    rest_count = sum(n for _, _, n, _, planted in cells if not planted)
    assert low / low_count < rest / rest_count - 0.15


def test_response_rates_are_as_planted(demo: Demo) -> None:
    invited = dict(demo.ask(f"""
        select coalesce(wave, survey), count(*) from {demo.feed("survey.invitations")}
        where sent_at is not null group by all
    """))  # fmt: skip
    answered = dict(demo.ask(f"""
        select coalesce(wave, survey), count(distinct left(response_id, -1))
        from {_responses(demo)} group by all
    """))  # fmt: skip
    assert set(invited) == {"2017-Q1", "2017-Q2", "2017-Q3", "2017-Q4", "nps", "csat"}
    for what, count in invited.items():
        assert 0.15 < answered[what] / count < 0.32, what


def test_surveys_have_every_oddity(demo: Demo) -> None:
    responses = _responses(demo)
    between, no_scale, no_email, of_seven, early, late, twice, flips = demo.ask(f"""
        select
            count_if(survey = 'nps' and score <> floor(score)),
            avg((scale_max is null)::int),
            avg((email is null)::int),
            count_if(scale_max = '7'),
            count_if(answered_at < sent_at),
            count_if(wave is not null and cast(answered_at as timestamp)
                > cast(sent_at as timestamp) + interval 55 day),
            count(*) - count(distinct left(response_id, -1)),
            count_if(is_flip)
        from {responses}
    """)[0]
    assert between > 0
    assert 0.01 < no_scale < 0.05
    assert 0.03 < no_email < 0.25
    assert of_seven > 50
    assert early > 0
    assert late > 0
    assert twice > 10
    assert flips > 0
    lost = demo.number(f"""
        select count(*) from {responses}
        where email is null and account_id is null and member_id is null and ticket_id is null
    """)
    assert lost == 0
    outside = demo.number(
        f"select count(*) from {demo.feed('survey.responses')} where score = '11'"
    )
    assert outside > 0


def test_planted_review_terms_stand_out_of_their_category(demo: Demo) -> None:
    terms = demo.ask(f"""
        with texts as (
            select product_id, coalesce(account_id, review_id) as author, lower(text) as text
            from {demo.feed("reviews.product_reviews")}
            where text is not null and stars <> '6' and reviewed_at <> 'last week'
        ), counted as (
            select told.product_id, told.term, told.category,
                count(distinct author) filter (where texts.product_id = told.product_id) as authors,
                count(distinct author) filter (
                    where texts.product_id = told.product_id and contains(text, told.term)
                ) as term_authors,
                avg(contains(text, told.term)::int) filter (
                    where products.category = told.category
                    and texts.product_id <> told.product_id
                ) as elsewhere
            from {demo.told("review_terms")} as told
            cross join texts
            inner join {demo.told("review_terms")} as products
                on texts.product_id = products.product_id
            where told.term is not null and not told.is_single_author
            group by all
        )
        from counted
    """)
    assert len(terms) == 12
    for product, term, _, authors, term_authors, elsewhere in terms:
        assert term_authors >= 3, (product, term, authors)
        assert 0.2 < term_authors / authors < 0.75, (product, term, authors)
        assert elsewhere < 0.04, (product, term)
    assert sum(row[4] for row in terms) / sum(row[3] for row in terms) == pytest.approx(
        0.42, abs=0.12
    )


def test_half_of_the_terms_are_missing_from_the_catalogue(demo: Demo) -> None:
    missing = dict(demo.ask(f"""
        with words as (
            select product_id, lower(string_agg(concat_ws(
                ' ', name, brand, designer, department, category, subcategory, color, material, size
            ), ' ')) as words
            from {demo.feed("catalogue.products")} group by product_id
        )
        select term, not contains(words, term) as is_missing
        from {demo.told("review_terms")} inner join words using (product_id)
        where term is not null and not is_single_author
    """))  # fmt: skip
    told = dict(demo.ask(f"""
        select term, is_missing_from_catalogue from {demo.told("review_terms")}
        where is_missing_from_catalogue is not null
    """))  # fmt: skip
    assert missing == told
    assert missing["dishwasher safe"]
    assert sum(told.values()) == 6


def test_reviews_have_every_oddity(demo: Demo) -> None:
    reviews = demo.feed("reviews.product_reviews")
    free, email, phone, wordless, guests, edited = demo.ask(f"""
        select
            count_if(text like '%for free in exchange%'),
            count_if(text like '%@example.com%'),
            count_if(text like '%(555)%'),
            avg((text is null)::int),
            avg((account_id is null)::int),
            count(*) - count(distinct review_id)
        from {reviews} where stars <> '6' and reviewed_at <> 'last week'
    """)[0]
    assert min(free, email, phone, edited) > 0
    assert 0.05 < wordless < 0.12
    assert 0.01 < guests < 0.2
    authors, reviews_of_one = demo.ask(f"""
        select count(distinct account_id), max(n) from (
            select account_id, product_id, count(*) as n from {reviews}
            where lower(text) like '%magic glow%' group by all
        )
    """)[0]
    assert authors >= 2
    assert reviews_of_one == 10
    languages = {row[0] for row in demo.ask(
        f"select distinct language from {demo.told('review_facts')}"
    )}  # fmt: skip
    assert {"en", "es", "de", "fr"} <= languages


def test_stars_say_whether_a_term_is_praise(demo: Demo) -> None:
    stars = dict(demo.ask(f"""
        select terms.polarity, avg(cast(reviews.stars as double))
        from {demo.feed("reviews.product_reviews")} as reviews
        inner join {demo.told("review_terms")} as terms using (product_id)
        where contains(lower(reviews.text), terms.term) and terms.polarity is not null
            and reviews.stars <> '6'
        group by 1
    """))  # fmt: skip
    assert stars["-"] < 2.6
    assert stars["+"] > 4.2


def test_areas_are_those_people_live_in_and_come_twice(demo: Demo) -> None:
    areas = demo.feed("enrichment.areas")
    count, keys, dates, unknown, columns_off = demo.ask(f"""
        select count(*), count(distinct postcode_area || as_of_date), count(distinct as_of_date),
            count_if(population = '-1'),
            count_if(cast(share_online_shoppers as double) not between 0 and 1)
        from {areas}
    """)[0]
    assert count == keys
    assert dates == 2
    assert unknown > 0
    assert columns_off == 0
    homeless = demo.number(f"""
        select count(*) from {demo.feed("shop.accounts")}
        where regexp_matches(postcode, '^[0-9]{{5}}$')
            and left(postcode, 3) not in (select postcode_area from {areas})
    """)
    assert homeless == 0


def test_scores_off_their_scale_are_planted(demo: Demo) -> None:
    planted = demo.number(
        f"""select sum(row_count) from {demo.told("refused_rows")}
        where feed = 'survey.responses' and reason = 'range:score'"""
    )
    beyond = demo.number(
        f"""select count(*) from {demo.feed("survey.responses")}
        where try_cast(score as double) > coalesce(try_cast(scale_max as double), 1e9)
            or try_cast(score as double) < coalesce(try_cast(scale_min as double), -1e9)"""
    )
    assert planted == beyond > 0
