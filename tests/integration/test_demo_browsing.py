"""The demo's browsing, messages and social feeds carry what the truth beside them says."""

from __future__ import annotations

import pytest

from tests.demo import Demo

PEOPLE, DAYS = 3_000, 365
LAST_DAY = "date '2017-12-31'"


@pytest.fixture(scope="module")
def browsing(demo: Demo) -> Demo:
    """The demo with its good rows as typed tables: `web`, `messages`, `social`, `owners`."""
    mine = Demo(demo.landing, demo.truth)
    mine.connection.execute(
        f"""create table web as
        select * replace (cast(event_at as timestamp) as event_at)
        from {demo.feed("web.events")}
        where event_type is not null and platform in ('web', 'app')"""
    )
    # a row that comes twice, or twice on a day, is one event
    mine.connection.execute(
        "create view events as select * from web "
        "qualify row_number() over (partition by event_id order by landed_on) = 1"
    )
    mine.connection.execute(
        f"""create table messages as
        select * replace (cast(event_at as timestamp) as event_at)
        from {demo.feed("messaging.events")}
        where channel in ('email', 'sms', 'push') and event_type is not null
        qualify row_number() over (partition by event_id order by landed_on) = 1"""
    )
    mine.connection.execute(
        f"""create table social as
        select * replace (cast(interacted_at as timestamp) as interacted_at)
        from {demo.feed("social.interactions")}
        where kind != 'share' and try_cast(interacted_at as timestamp) is not null"""
    )
    mine.connection.execute(
        f"""create table owned as
        select events.*, devices.person_id, devices.kind as device_kind
        from events inner join {demo.told("devices")} as devices
            on events.device_id = devices.device_id"""
    )
    mine.connection.execute(
        f"create table channels as select * from {demo.told('favourite_channels')}"
    )
    return mine


def person_of(column: str) -> str:
    """SQL: the person behind an account or subscriber id of the demo."""
    return f"'person-' || cast(cast(substr({column}, 2) as integer) as varchar)"


def test_visits_come_in_the_promised_volume(browsing: Demo) -> None:
    events = browsing.number("select count(*) from events") / PEOPLE
    assert 20 < events < 45
    visits = browsing.ask(
        "select count(distinct split_part(event_id, '-', 1)) filter (where device_kind = 'own'), "
        "count(distinct split_part(event_id, '-', 1)) filter (where device_kind = 'anonymous') "
        "from owned"
    )[0]
    assert 0.2 < visits[1] / (visits[0] + visits[1]) < 0.3
    # a few people browse most
    assert (
        browsing.number(
            """with counted as (
                select person_id, count(*) as events from owned
                where device_kind = 'own' group by person_id
            ), ranked as (
                select events, percent_rank() over (order by events desc) as place from counted
            )
            select sum(events) filter (where place < 0.1) / sum(events) from ranked"""
        )
        > 0.25
    )


def test_every_device_of_the_feed_is_told(browsing: Demo) -> None:
    assert browsing.number("select count(*) from events") == browsing.number(
        "select count(*) from owned"
    )
    kinds = dict(
        browsing.ask("select device_kind, count(distinct device_id) from owned group by 1")
    )
    assert set(kinds) == {"own", "shared", "kiosk", "bot", "anonymous"}


def test_devices_are_used_by_whom_the_truth_says(browsing: Demo) -> None:
    own = f"device_kind = 'own' and account_id is not null and {person_of('account_id')}"
    assert browsing.number(f"select count(*) from owned where {own} != person_id") == 0
    assert browsing.number(f"select count(*) from owned where {own} = person_id") > 10_000
    assert (
        browsing.number(
            "select count(account_id) from owned where device_kind in ('anonymous', 'bot')"
        )
        == 0
    )
    users = "select count(distinct account_id) as users from owned where device_kind"
    assert browsing.number(f"select max(users) from ({users} = 'kiosk' group by device_id)") >= 5
    assert browsing.number(f"select max(users) from ({users} = 'shared' group by device_id)") >= 2


def test_some_devices_browse_before_anybody_knows_whose_they_are(browsing: Demo) -> None:
    before = browsing.number(
        f"""select count(distinct owned.device_id)
        from owned inner join {browsing.told("devices")} as devices
            on owned.device_id = devices.device_id
        where devices.kind = 'own' and owned.account_id is null
            and owned.landed_on < devices.first_known_on - 7"""
    )
    assert before > 50
    # four visits in ten begin signed out
    signed_out = browsing.number(
        """select avg(cast(account_id is null as integer))
        from owned where device_kind = 'own' and event_id like '%-0'"""
    )
    assert 0.3 < signed_out < 0.5


STAGE_OF = """case
    when event_type in ('category_view', 'inspiration_view', 'search', 'video_play') then 'explore'
    when event_type in ('product_view', 'review_read', 'compare', 'store_stock_check',
        'ask_question') then 'inform'
    when event_type in ('add_to_wishlist', 'add_to_cart', 'view_cart', 'view_delivery',
        'coupon_lookup', 'checkout_start', 'checkout_payment') then 'intent'
    when event_type = 'purchase' then 'purchase'
    when event_type in ('order_status', 'return_start', 'write_review') then 'after_purchase'
end"""


@pytest.fixture(scope="module")
def stages(browsing: Demo) -> Demo:
    """Adds `found`: the stage that a plain reading of the definition finds in each told cell.

    The highest stage with evidence of at least 1.5, each event weighing one and halving every 14,
    10 and 4 days; a purchase closes what was before it; nothing for sixty days is dormant.
    """
    browsing.connection.execute(
        f"""create table found as
        with evidence as (
            select person_id, category, event_at, {STAGE_OF} as stage,
                date_diff('second', event_at, timestamp '2018-01-01 05:00:00') / 86400.0 as age
            from owned
            where device_kind = 'own' and category is not null
        ), closed as (
            select person_id, category,
                min(age) filter (where stage = 'purchase') as purchase_age,
                min(age) filter (where stage is not null) as age
            from evidence group by all
        ), summed as (
            select person_id, category, purchase_age, closed.age,
                coalesce(sum(power(0.5, evidence.age / 14)) filter (where stage = 'explore'), 0)
                    as explore,
                coalesce(sum(power(0.5, evidence.age / 10)) filter (where stage = 'inform'), 0)
                    as inform,
                coalesce(sum(power(0.5, evidence.age / 4)) filter (where stage = 'intent'), 0)
                    as intent,
                count_if(stage = 'after_purchase') as after_purchase
            from evidence inner join closed using (person_id, category)
            where evidence.age < coalesce(purchase_age, 100000)
                or (evidence.stage = 'purchase' and evidence.age = purchase_age)
            group by all
        )
        select told.*, summed.age, case
            when summed.age is null then 'nothing'
            when summed.age > 60 then 'dormant'
            when intent >= 1.5 then 'intent'
            when inform >= 1.5 then 'inform'
            when explore >= 1.5 then 'explore'
            when purchase_age < 3 then 'purchase'
            when purchase_age is not null then 'after_purchase'
            else 'undecided'
        end as found
        from {browsing.told("path_stages")} as told
        left join summed using (person_id, category)"""
    )
    return browsing


@pytest.mark.parametrize(
    "stage", ["explore", "inform", "intent", "purchase", "after_purchase", "dormant"]
)
def test_planted_stages_can_be_found(stages: Demo, stage: str) -> None:
    planted, right = stages.ask(
        "select count(*), count_if(stage = found) from found "
        f"where is_planted and stage = '{stage}'"
    )[0]
    assert planted >= 4
    assert right / planted > 0.9


def test_cells_without_anything_have_no_events(stages: Demo) -> None:
    empty, found = stages.ask(
        "select count(*), count_if(found != 'nothing') from found where stage is null"
    )[0]
    assert empty > 500
    assert found == 0


def test_what_went_quiet_by_itself_is_dormant(stages: Demo) -> None:
    quiet, right = stages.ask(
        # the rest of them have bought in a store, or their devices' clocks are wrong
        "select count(*), count_if(found in ('dormant', 'nothing')) from found "
        "where stage = 'dormant' and not is_planted"
    )[0]
    assert quiet > 200
    assert right / quiet > 0.98


def test_the_funnel_has_the_stated_rates(browsing: Demo) -> None:
    funnel = {
        stage: (journeys, bought, abandoned)
        for stage, journeys, bought, abandoned in browsing.ask(f"from {browsing.told('funnel')}")
    }
    purchases = funnel["purchase"][0]
    given_up = sum(abandoned for _, _, abandoned in funnel.values())
    assert 0.45 < given_up / (given_up + purchases) < 0.7
    # 15 % come from nowhere
    assert 0.82 < funnel["intent"][1] / purchases < 0.88
    assert (
        purchases * 0.9
        < browsing.number("select count(*) from events where event_type = 'purchase'")
        < purchases * 1.1
    )


def test_favourite_channels_show_in_how_visits_come(browsing: Demo) -> None:
    browsing.connection.execute(
        """create table shares as
        select person_id, count(*) as visits,
            avg(cast(platform = 'app' as integer)) as app,
            avg(cast(referrer_channel = 'email' as integer)) as email,
            avg(cast(referrer_channel = 'sms' as integer)) as sms,
            avg(cast(referrer_channel = 'social' as integer)) as social
        from owned where device_kind = 'own' and event_id like '%-0' group by person_id"""
    )
    for channel in ("app", "email", "sms", "social"):
        lovers, others = browsing.ask(
            f"""select avg({channel}) filter (where favourite_channel = '{channel}'),
                avg({channel}) filter (where favourite_channel is null)
            from shares inner join channels using (person_id) where visits >= 5"""
        )[0]
        assert lovers > 0.4, channel
        assert others < 0.25, channel


def test_favourite_channels_show_in_clicks(browsing: Demo) -> None:
    rates = {
        (channel, favourite): rate
        for channel, favourite, rate in browsing.ask(
            f"""with outcomes as (
                select message_id, channel, max(cast(email as varchar)) as email,
                    max(phone) as phone,
                    max(cast(event_type = 'clicked' as integer)) as clicked,
                    max(cast(event_type = 'delivered' as integer)) as delivered
                from messages group by all
            ), readers as (
                select * from {browsing.told("message_readers")}
            )
            select outcomes.channel, readers.is_favourite, avg(clicked)
            from outcomes inner join readers
                on outcomes.channel = readers.channel
                and readers.person_id = 'person-' || cast(
                    cast(substr(message_id, 2) as bigint) // 4000 as varchar)
            where delivered = 1 group by all"""
        )
    }
    for channel, least in (("email", 0.28), ("sms", 0.2), ("push", 0.22)):
        assert least < rates[channel, True] < 0.4
        assert rates[channel, False] < 0.04


def test_machines_open_mail_within_a_minute(browsing: Demo) -> None:
    opened = f"""
        select readers.is_machine, readers.person_id, count(distinct delivered.message_id) as got,
            count(distinct opened.message_id) as read,
            max(date_diff('second', delivered.event_at, opened.event_at)) as slowest
        from messages as delivered
        inner join {browsing.told("message_readers")} as readers
            on readers.channel = 'email' and readers.person_id = 'person-' || cast(
                cast(substr(delivered.message_id, 2) as bigint) // 4000 as varchar)
        left join messages as opened
            on delivered.message_id = opened.message_id and opened.event_type = 'opened'
        where delivered.event_type = 'delivered' and delivered.channel = 'email'
        group by all"""
    assert browsing.number(f"select count_if(got != read) from ({opened}) where is_machine") == 0
    assert browsing.number(f"select max(slowest) from ({opened}) where is_machine") < 60
    assert browsing.number(f"select count(*) from ({opened}) where is_machine") > 200
    human = browsing.number(f"select sum(read) / sum(got) from ({opened}) where not is_machine")
    assert 0.25 < human < 0.35


def test_messages_end_as_they_should(browsing: Demo) -> None:
    sent = dict(browsing.ask("select event_type, count(*) from messages group by 1"))
    assert 0.955 < sent["delivered"] / sent["sent"] < 0.98
    assert sent["delivered"] + sent["bounced"] == pytest.approx(sent["sent"], rel=0.002)
    assert min(sent[kind] for kind in ("replied", "unsubscribed")) >= 20
    assert (
        browsing.number(
            """with ended as (
                select subscriber_id, max(event_at) as ended_at from messages
                where event_type = 'unsubscribed' and channel = 'email' group by 1
            )
            select count(*) from messages inner join ended using (subscriber_id)
            where channel = 'email' and event_type = 'sent' and event_at > ended_at"""
        )
        == 0
    )
    assert browsing.number("select count(*) from messages where campaign_id is not null") > 1_000
    assert (
        browsing.number("select count_if((channel = 'sms') != (phone is not null)) from messages")
        == 0
    )


def test_a_click_is_followed_by_a_visit(browsing: Demo) -> None:
    clicks, followed = browsing.ask(
        """with clicks as (
            select message_id, channel, event_at, 'person-' || cast(
                cast(substr(message_id, 2) as bigint) // 4000 as varchar) as person_id
            from messages where event_type = 'clicked' and landed_on < date '2017-12-28'
        ), tracked as (
            select clicks.* from clicks inner join channels using (person_id) where is_tracked
        )
        select count(*), count_if(exists (
            select 1 from owned
            where owned.person_id = tracked.person_id
                and owned.referrer_channel = tracked.channel
                and owned.event_at between tracked.event_at
                    and tracked.event_at + interval 5 minute
        )) from tracked"""
    )[0]
    assert clicks > 500
    assert followed / clicks > 0.98


def test_favourite_dayparts_show_in_local_hours(browsing: Demo) -> None:
    browsing.connection.execute(
        """create table dayparts as
        with hours as (
            select owned.person_id, favourite_daypart, hour(timezone(channels.time_zone,
                timezone('UTC', owned.event_at))) // 6 as part
            from owned inner join channels using (person_id)
            where device_kind = 'own' and event_id like '%-0' and not has_new_daypart
                and event_type != 'add_to_cart'
        )
        select person_id, favourite_daypart,
            ['night', 'morning', 'afternoon', 'evening'][part + 1] as daypart
        from hours"""
    )
    share = "select avg(cast(daypart = '{0}' as integer)) from dayparts where favourite_daypart {1}"
    for daypart in ("night", "morning", "afternoon", "evening"):
        lovers = browsing.number(share.format(daypart, f"= '{daypart}'"))
        nobodys = browsing.number(share.format(daypart, "is null"))
        assert lovers > nobodys + 0.25, daypart
        assert nobodys < 0.5, daypart


def test_browse_gaps_are_looked_at_and_never_bought(browsing: Demo) -> None:
    browsing.connection.execute(
        f"""create table looks as
        with products as (
            select product_id, any_value(brand) as brand, any_value(designer) as designer,
                any_value(category) as category
            from {browsing.feed("catalogue.products")} group by 1
        )
        select owned.person_id, owned.event_type, brand, designer
        from owned inner join products using (product_id)
        where device_kind = 'own' and products.category is not null"""
    )
    gaps = browsing.ask(
        f"""select gaps.person_id, dimension, avg(cast(coalesce(
                if(dimension = 'brand', brand, designer) = value, false) as integer)),
            count(*)
        from {browsing.told("browse_gaps")} as gaps inner join looks using (person_id)
        where dimension is not null and event_type in ('product_view', 'review_read', 'compare')
        group by all having count(*) >= 10"""
    )
    assert len(gaps) > 20
    mean = sum(share for _, _, share, _ in gaps) / len(gaps)
    assert mean > 0.35
    # nobody without a preference looks so often at one brand
    nobodys = browsing.number(
        f"""with counted as (
            select person_id, brand, count(*) as views from looks
            where event_type in ('product_view', 'review_read', 'compare') group by all
        ), shares as (
            select person_id, max(views) / sum(views) as share from counted
            group by person_id having sum(views) >= 10
        )
        select median(share) from shares
        inner join {browsing.told("browse_gaps")} as gaps using (person_id)
        where dimension is null"""
    )
    assert nobodys < mean
    bought = browsing.number(
        f"""with products as (
            select product_id, any_value(brand) as brand, any_value(designer) as designer
            from {browsing.feed("catalogue.products")} group by 1
        ), bought as (
            select {person_of("orders.account_id")} as person_id, brand, designer
            from {browsing.feed("shop.orders")} as orders
            inner join {browsing.feed("shop.order_lines")} as lines using (order_id)
            inner join products using (product_id)
            where orders.account_id not like 'G%'
        )
        select count(*) from {browsing.told("browse_gaps")} as gaps
        inner join bought using (person_id)
        where gaps.value in (bought.brand, bought.designer)"""
    )
    assert bought == 0


def test_every_oddity_is_there_as_often_as_told(browsing: Demo) -> None:
    told = {
        (feed, kind): count
        for feed, kind, count in browsing.ask(f"from {browsing.told('planted_oddities')}")
    }
    assert min(told.values()) > 0
    unmapped = browsing.number(
        "select count(*) from web where event_type in ('scroll_depth', 'ar_preview')"
    )
    # the planted refused rows are copies, and some of them of these rows
    assert unmapped == pytest.approx(told["web.events", "unmapped_type"], abs=5)
    again = browsing.number(
        """select count(*) from (
            select event_id from web group by event_id
            having count(distinct landed_on) = 2
        )"""
    )
    assert again == pytest.approx(told["web.events", "delivered_again"], abs=5)
    bots = browsing.number("select count(*) from owned where device_kind = 'bot'")
    assert bots == pytest.approx(told["web.events", "bot"], rel=0.05)
    # days wrong, and sometimes years
    wrong = browsing.number(
        "select count(*) from web where event_at::date not between landed_on - 5 and landed_on + 1"
    )
    assert 0.3 * told["web.events", "wrong_clock"] < wrong
    assert wrong <= 1.01 * told["web.events", "wrong_clock"] + 5
    late = browsing.number(
        "select count(*) from events where event_at::date between landed_on - 3 and landed_on - 1"
    )
    assert late > 0.8 * told["web.events", "late"]


def test_bots_are_awake_at_night_in_bursts(browsing: Demo) -> None:
    least, earliest, latest = browsing.ask(
        """with bursts as (
            select device_id, landed_on, count(*) as events,
                min(hour(timezone('America/New_York', timezone('UTC', event_at)))) as first_hour,
                max(hour(timezone('America/New_York', timezone('UTC', event_at)))) as last_hour
            from owned where device_kind = 'bot' group by all
        )
        select min(events), min(first_hour), max(last_hour) from bursts"""
    )[0]
    assert least > 100
    assert (earliest, latest) >= (1, 0)
    assert latest <= 6


def test_the_hour_that_comes_twice_has_events_in_both(browsing: Demo) -> None:
    # on 5 November 2017 one o'clock in New York was 05:00 and again 06:00 UTC
    hours = dict(
        browsing.ask(
            """select hour(event_at), count(*) from owned
            where event_at between timestamp '2017-11-05 05:00:00' and '2017-11-05 06:59:59'
            group by 1"""
        )
    )
    assert min(hours[5], hours[6]) >= 5


def test_social_is_for_those_who_love_it(browsing: Demo) -> None:
    counts = browsing.ask(
        """select lower(trim(handle, '@')) as handle, count(distinct interaction_id)
        from social group by 1"""
    )
    known = [count for handle, count in counts if "." not in handle]
    often = [count for count in known if count >= 6]
    assert len(often) / PEOPLE == pytest.approx(0.055, abs=0.02)
    assert max(known) <= 22
    strangers = sum(count for handle, count in counts if "." in handle)
    assert 0.02 < strangers / sum(count for _, count in counts) < 0.2
    with_email = browsing.number("select avg(cast(email is not null as integer)) from social")
    assert 0.1 < with_email < 0.2
