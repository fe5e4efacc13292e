"""The demo's people: what lands in the systems that keep them carries what the truth says."""

from __future__ import annotations

import pytest

from tests.demo import Demo

KEYS = {
    "crm.contacts": "contact_id",
    "shop.accounts": "account_id",
    "loyalty.members": "member_id",
    "newsletter.subscribers": "subscriber_id",
}
NEW_YORK_MIDNIGHT = "timestamp '2018-01-01 05:00:00'"


def _rows(demo: Demo, feed: str) -> str:
    """SQL: every row of a system that a contract accepts, with `id`."""
    key = KEYS[feed]
    dates = "and (birth_date is null or try_cast(birth_date as date) is not null)"
    good = {
        "crm.contacts": f"contact_id is not null {dates}",
        "shop.accounts": "created_at <> 'yesterday' and is_guest not like '%perhaps%'",
        "loyalty.members": f"updated_at is not null {dates}",
        "newsletter.subscribers": "email is not null",
    }[feed]
    return f"(select *, {key} as id from {demo.feed(feed)} where {good})"


def _versions(demo: Demo, feed: str) -> str:
    """SQL: the rows of a system with who is who and `place` 1, 2, .. in the order of changes."""
    return f"""(
        select rows.*, who.* exclude (source, source_record_id),
            dense_rank() over (partition by id order by rows.updated_at) as place
        from {_rows(demo, feed)} as rows
        inner join {demo.told("who_is_who")} as who
            on who.source = '{feed}' and rows.id = who.source_record_id
    )"""


def _share(demo: Demo, feed: str, condition: str) -> float:
    """The share of records whose first version fulfils a condition."""
    return float(
        demo.number(
            f"select avg(if({condition}, 1.0, 0.0)) from {_versions(demo, feed)} where place = 1"
        )
    )


@pytest.mark.parametrize("feed", KEYS)
def test_the_truth_knows_every_record_and_no_other(demo: Demo, feed: str) -> None:
    landed, told, both = demo.ask(f"""
        select count(distinct rows.id), count(distinct who.source_record_id),
            count(distinct rows.id) filter (where who.source_record_id is not null)
        from {_rows(demo, feed)} as rows
        full join (
            from {demo.told("who_is_who")} where source = '{feed}'
        ) as who on rows.id = who.source_record_id
    """)[0]
    assert landed == told == both > 1000
    assert demo.number(f"""
        select count(*) - count(distinct (source, source_record_id)) from {demo.told("who_is_who")}
    """) == 0  # fmt: skip


@pytest.mark.parametrize("feed", KEYS)
def test_rows_come_twice_again_and_late_but_never_early(demo: Demo, feed: str) -> None:
    twice, backwards, late, early = demo.ask(f"""
        select
            count_if(copies > 1),
            count_if(updated_at < before),
            count_if(landed_on > date '2017-01-01'
                and landed_on - cast(updated_at as date) between 8 and 22),
            count_if(cast(updated_at as timestamp) - interval 5 hour >= landed_on + interval 1 day)
        from (
            select *,
                count(*) over (partition by id, updated_at, landed_on) as copies,
                max(updated_at) over (
                    partition by id order by landed_on
                    rows between unbounded preceding and 1 preceding
                ) as before
            from {_rows(demo, feed)}
        )
    """)[0]
    assert twice >= 2
    assert backwards >= 1
    assert late >= 3
    assert early == 0


@pytest.mark.parametrize(
    ("feed", "column", "lowest", "highest"),
    [
        ("crm.contacts", "email", 0.21, 0.29),
        ("crm.contacts", "phone", 0.26, 0.34),
        ("crm.contacts", "birth_date", 0.50, 0.60),
        ("crm.contacts", "street", 0.26, 0.34),
        ("loyalty.members", "email", 0.31, 0.39),
        ("loyalty.members", "birth_date", 0.26, 0.34),
        ("loyalty.members", "age_band", 0.55, 0.65),
        ("shop.accounts", "email", 0.0, 0.0),
        ("shop.accounts", "phone", 0.33, 0.45),
        ("newsletter.subscribers", "first_name", 0.36, 0.44),
        ("newsletter.subscribers", "email", 0.0, 0.0),
    ],
)
def test_fields_are_missing_at_the_stated_rates(
    demo: Demo, feed: str, column: str, lowest: float, highest: float
) -> None:
    assert lowest <= _share(demo, feed, f"{column} is null") <= highest


def test_the_same_person_is_written_alike_unless_the_truth_says_otherwise(demo: Demo) -> None:
    """Two records with nothing wrong agree; those with something wrong mostly do not."""
    for column, note, fewest, lowest, highest in [
        ("email", "plain", 200, 0.6, 0.9),  # a quarter of the contacts has no e-mail
        ("last_name", "plain", 200, 0.93, 1.0),
        ("first_name", "nickname", 3, 0.0, 0.05),
        ("first_name", "swapped_names", 3, 0.0, 0.05),
        ("first_name", "initial", 3, 0.0, 0.05),
        ("last_name", "swapped_names", 3, 0.0, 0.05),
        ("email", "other_email", 3, 0.0, 0.05),
    ]:
        alike, count = demo.ask(f"""
            select avg(if(lower(contacts.{column}) = lower(accounts.{column}), 1.0, 0.0)), count(*)
            from {_versions(demo, "crm.contacts")} as contacts
            inner join {_versions(demo, "shop.accounts")} as accounts
                on contacts.person_id = accounts.person_id
            where contacts.place = 1 and accounts.place = 1 and accounts.note = 'plain'
                and contacts.note = '{note}' and not contacts.is_corrected
                and contacts.family is null
                and regexp_matches(accounts.first_name || accounts.last_name, '^[A-Za-z ]+$')
        """)[0]
        assert count >= fewest, (column, note)
        assert lowest <= alike <= highest, (column, note, alike)


def test_nicknames_typos_and_the_like_have_their_rates(demo: Demo) -> None:
    assert 0.03 <= _share(demo, "crm.contacts", "name_kind = 'nickname'") <= 0.10
    assert 0.03 <= _share(demo, "crm.contacts", "name_kind in ('typo_first', 'typo_last')") <= 0.07
    assert 0.03 <= _share(demo, "crm.contacts", "name_kind = 'upper'") <= 0.07
    assert 0.03 <= _share(demo, "shop.accounts", "name_kind = 'lower'") <= 0.09
    assert 0.005 <= _share(demo, "loyalty.members", "name_kind = 'swapped'") <= 0.022
    assert 0.05 <= _share(demo, "crm.contacts", "note = 'typed_anew'") <= 0.08
    # no kind of trouble is everywhere: most records have none
    plain = demo.number(f"""
        select avg(if(note = 'plain', 1.0, 0.0)) from {demo.told("who_is_who")}
        where note <> 'guest'
    """)
    assert 0.5 < plain < 0.8


def test_a_typo_is_one_slip_away_and_some_are_put_right(demo: Demo) -> None:
    slips, wrong, righted = demo.ask(f"""
        select
            avg(damerau_levenshtein(before.last_name, after.last_name)),
            count(*),
            count_if(before.last_name <> after.last_name)
        from {_versions(demo, "loyalty.members")} as before
        inner join {_versions(demo, "loyalty.members")} as after using (id)
        where before.name_kind = 'typo_last' and before.is_corrected and before.place = 1
            and after.place > 1 and before.note <> 'maiden_name'
            and after.landed_on > before.landed_on
    """)[0]
    assert wrong >= 3
    assert righted >= 0.7 * wrong
    assert slips <= 1.3


def test_junk_and_shared_values_are_as_often_as_told(demo: Demo) -> None:
    told = {
        (field, kind): records
        for field, kind, records in demo.ask(f"""
            select field, kind, sum(record_count) from {demo.told("shared_values")} group by all
        """)
    }
    assert set(told) >= {
        ("email", "junk"),
        ("email", "shared_email"),
        ("phone", "junk"),
        ("phone", "store"),
        ("phone", "shared_landline"),
        ("birth_date", "junk"),
    }
    stores = sum(
        demo.number(f"""
            select count(distinct id) from {_versions(demo, feed)} where phone = '614-555-0137'
        """)
        for feed in ("crm.contacts", "loyalty.members", "shop.accounts")
    )
    assert stores == told["phone", "store"] >= 20
    junk_dates = sum(
        demo.number(f"""
            select count(distinct id) from {_versions(demo, feed)}
            where birth_date in ('1900-01-01', '1970-01-01') and person_id is not null
        """)
        for feed in ("crm.contacts", "loyalty.members")
    )
    assert junk_dates == told["birth_date", "junk"] >= 10
    assert demo.number(f"""
        select count(*) from {_rows(demo, "crm.contacts")}
        where email = 'test@test.com' and first_name = 'Test'
    """) >= 3  # fmt: skip


def test_phones_come_in_many_forms(demo: Demo) -> None:
    forms = dict(
        demo.ask(f"""
            select regexp_replace(phone, '[0-9]', '9', 'g'), count(*)
            from {_rows(demo, "crm.contacts")} where phone is not null group by all
        """)
    )
    for form in ["999-999-9999", "(999) 999-9999", "9999999999", "+99999999999", "999-9999"]:
        assert forms.get(form, 0) >= 5, form
    assert forms.get("999-999-9999 x99", 0) >= 5


def test_accents_are_kept_lost_or_taken_apart(demo: Demo) -> None:
    kept, apart = demo.ask(f"""
        select
            count_if(strlen(last_name) > len(last_name)),
            count_if(nfc_normalize(first_name || last_name) <> first_name || last_name)
        from {_rows(demo, "shop.accounts")}
    """)[0]
    assert kept >= 10
    assert apart >= 2
    # people whose name is written with and without accents
    both = demo.number(f"""
        select count(*) from (
            select person_id from (
                select person_id, last_name from {_versions(demo, "shop.accounts")}
                union all
                select person_id, last_name from {_versions(demo, "crm.contacts")}
            ) group by person_id
            having bool_or(strlen(last_name) > len(last_name))
                and bool_or(strlen(last_name) = len(last_name))
        )
    """)
    assert both >= 5


def test_twins_and_namesakes_are_different_people_who_look_alike(demo: Demo) -> None:
    pairs = f"""
        from {_versions(demo, "loyalty.members")} as one
        inner join {_versions(demo, "loyalty.members")} as other
            on one.household_id = other.household_id and one.person_id < other.person_id
        where one.place = 1 and other.place = 1
            and one.name_kind is null and other.name_kind is null
            and one.birth_kind is null and other.birth_kind is null
    """
    twins = demo.number(f"""
        select count(*) {pairs} and one.family = 'twins' and one.birth_date = other.birth_date
            and one.last_name = other.last_name and one.first_name <> other.first_name
    """)
    assert twins >= 1
    namesakes, same_day = demo.ask(f"""
        select count(*), count_if(one.birth_date = other.birth_date)
        {pairs} and one.family = 'namesakes' and one.first_name = other.first_name
            and starts_with(other.last_name, one.last_name)
    """)[0]
    assert namesakes >= 1
    assert same_day == 0
    # nobody else shares a name and an address with another person
    assert demo.number(f"""
        select count(*) {pairs} and one.family is null and one.first_name = other.first_name
            and one.last_name = other.last_name
    """) <= 3  # fmt: skip


def _changes(demo: Demo, feed: str, column: str) -> str:
    """SQL: people one of whose records of a feed changed a column, typos put right left out."""
    return f"""(
        select distinct person_id from (
            select person_id, id, count(distinct {column}) as values
            from {_versions(demo, feed)}
            where not is_corrected and name_kind is distinct from 'typo_last'
            group by person_id, id
        ) where values > 1
    )"""


@pytest.mark.parametrize("feed", ["crm.contacts", "shop.accounts", "loyalty.members"])
def test_addresses_change_for_those_who_tell_of_a_move_and_for_nobody_else(
    demo: Demo, feed: str
) -> None:
    strangers, movers = demo.ask(f"""
        select count_if(events.person_id is null), count_if(events.is_declared)
        from {_changes(demo, feed, "postcode")} as changes
        left join (
            from {demo.told("life_events")} where kind = 'moved_home' and is_declared
        ) as events using (person_id)
    """)[0]
    assert strangers == 0
    assert movers >= 5


def test_moves_are_as_many_as_stated_and_four_in_five_are_declared(demo: Demo) -> None:
    people, movers, declared, seen, silent_seen = demo.ask(f"""
        select
            (select count(*) from {demo.told("people")}),
            count(*),
            count_if(is_declared),
            count_if(is_declared and is_in_records),
            count_if(is_in_records and not is_declared)
        from {demo.told("life_events")} where kind = 'moved_home'
    """)[0]
    assert 0.025 <= movers / people <= 0.055
    assert 0.65 <= declared / movers <= 0.92
    # who has no record with an address cannot tell; who says nothing is known by new records only
    assert seen >= 0.85 * declared
    assert silent_seen <= 0.7 * (movers - declared)


def test_nine_in_ten_have_no_life_event(demo: Demo) -> None:
    assert demo.number(f"""
        select avg(if(life_event_count = 0, 1.0, 0.0)) from {demo.told("people")}
    """) > 0.85  # fmt: skip
    kinds = dict(demo.ask(f"select kind, count(*) from {demo.told('life_events')} group by kind"))
    assert set(kinds) == {"moved_home", "new_household_member", "new_job"}
    assert all(count >= 20 for count in kinds.values())


def test_last_names_change_at_weddings_only(demo: Demo) -> None:
    strangers, brides = demo.ask(f"""
        select count_if(events.person_id is null), count_if(events.is_in_records)
        from {_changes(demo, "crm.contacts", "last_name")} as changes
        left join (
            from {demo.told("life_events")} where kind = 'new_household_member' and is_declared
        ) as events using (person_id)
    """)[0]
    assert strangers == 0
    assert brides >= 2


def test_a_new_job_shows_in_the_address_of_those_who_tell(demo: Demo) -> None:
    rows = demo.ask(f"""
        select events.is_declared, events.is_in_records,
            bool_or(coalesce(rows.email like '%@office.example.com', false))
        from {demo.told("life_events")} as events
        left join (
            select person_id, email from {_versions(demo, "shop.accounts")}
            union all select person_id, email from {_versions(demo, "crm.contacts")}
        ) as rows using (person_id)
        where events.kind = 'new_job' group by events.person_id, 1, 2
    """)
    assert all(is_seen == has_address for _, is_seen, has_address in rows)
    assert all(is_declared for is_declared, is_seen, _ in rows if is_seen)
    assert sum(is_seen for _, is_seen, _ in rows) >= 10


def test_summer_time_is_in_the_data(demo: Demo) -> None:
    spring, autumn = demo.ask(f"""
        select
            count_if(local between '2017-03-12 01:30' and '2017-03-12 03:59'),
            count_if(local between '2017-11-05 01:00' and '2017-11-05 01:59')
        from (
            select timezone('America/New_York', timezone('UTC', cast(subscribed_at as timestamp)))
                as local
            from {_rows(demo, "newsletter.subscribers")}
        )
    """)[0]
    assert spring + autumn >= 2


def test_guests_have_a_record_for_every_checkout(demo: Demo) -> None:
    guests, orders, strangers = demo.ask(f"""
        select
            (select count(distinct id) from {_rows(demo, "shop.accounts")} where id like 'G%'),
            count(distinct account_id),
            count(distinct account_id) filter (
                where account_id not in (select id from {_rows(demo, "shop.accounts")})
            )
        from {demo.feed("shop.orders")} where starts_with(account_id, 'G')
    """)[0]
    assert guests >= 50
    assert orders >= 0.9 * guests
    # one that came late may still be on its way
    assert strangers <= 0.02 * orders + 2


def _statements(demo: Demo) -> str:
    """SQL: each accepted statement once, with the person behind the identifier it gives."""
    who = demo.told("who_is_who")
    return f"""(
        with subjects as (
            select source_record_id as subject, person_id from {who}
            where source in ('shop.accounts', 'loyalty.members')
            union
            select email, any_value(person_id) from {_versions(demo, "newsletter.subscribers")}
            group by email having count(distinct person_id) = 1
        )
        select distinct consent_event_id, person_id, purpose, medium, status, source,
            cast(effective_at as timestamp) as effective_at,
            cast(expires_at as timestamp) as expires_at
        from {demo.feed("consent.events")}
        left join subjects on coalesce(account_id, member_id, email) = subject
        where try_cast(effective_at as timestamp) is not null
            and medium <> 'fax' and status <> 'maybe'
    )"""


def test_consents_follow_from_the_statements_by_the_stated_rule(demo: Demo) -> None:
    differing, compared, expired, contradicted = demo.ask(f"""
        with covered as (
            select person_id, purpose, status, effective_at, expires_at, unnest(
                if(medium = 'any', ['email', 'sms', 'push', 'post', 'phone', 'web'], [medium])
            ) as medium
            from {_statements(demo)}
        ),
        resolved as (
            select person_id, purpose, medium,
                arg_min(
                    if(status = 'granted' and expires_at <= {NEW_YORK_MIDNIGHT}, 'expired', status),
                    (
                        -epoch(effective_at),
                        list_position(['withdrawn', 'denied', 'granted'], status)
                    )
                ) as status
            from covered where effective_at < {NEW_YORK_MIDNIGHT} group by all
        )
        select
            count_if(resolved.status is distinct from told.status),
            count(*),
            count_if(told.status = 'expired'),
            count_if(told.is_contradicted)
        from {demo.told("consents")} as told
        left join resolved using (person_id, purpose, medium)
        -- some texts are known by phone, which any partner may have given
        where medium <> 'sms' and person_id not in (
            select person_id from {_versions(demo, "newsletter.subscribers")}
            where email in (
                select email from {_versions(demo, "newsletter.subscribers")}
                group by email having count(distinct person_id) > 1
            )
        )
    """)[0]
    assert compared > 2000
    assert differing == 0
    assert expired >= 20
    assert contradicted >= 10


def test_base_rates_of_consent(demo: Demo) -> None:
    granted, unsubscribed = demo.ask(f"""
        select
            avg(if(consents.is_allowed, 1.0, 0.0)),
            avg(if(rows.left_at is not null, 1.0, 0.0))
        from (
            select person_id, max(unsubscribed_at) as left_at
            from {_versions(demo, "newsletter.subscribers")} group by person_id
        ) as rows
        left join (
            from {demo.told("consents")} where purpose = 'marketing' and medium = 'email'
        ) as consents using (person_id)
    """)[0]
    assert 0.55 <= granted <= 0.72
    assert 0.03 <= unsubscribed <= 0.10
    without = demo.number(f"""
        select avg(if(person_id in (select person_id from {demo.told("consents")}), 0.0, 1.0))
        from {demo.told("people")} where record_count > 0
    """)
    assert 0.08 <= without <= 0.30


def test_withdrawals_agree_with_the_newsletter(demo: Demo) -> None:
    withdrawn, agreeing, silent = demo.ask(f"""
        with leaving as (
            select person_id, cast(max(unsubscribed_at) as timestamp) as left_at
            from {_versions(demo, "newsletter.subscribers")} group by person_id
        ),
        said as (from {_statements(demo)} where source = 'unsubscribe_link')
        select count(said.person_id), count_if(said.effective_at = leaving.left_at),
            count_if(said.person_id is null)
        from leaving left join said using (person_id) where leaving.left_at is not null
    """)[0]
    assert withdrawn == agreeing >= 40
    # of some the ledger never hears
    assert 1 <= silent <= 0.35 * withdrawn


def _subscriptions(demo: Demo) -> str:
    """SQL: every subscription as it was last told, with the person, without the refused rows."""
    return f"""(
        select subscriptions.* exclude (started_on, ended_on, cancelled_on),
            cast(started_on as date) as started_on, cast(ended_on as date) as ended_on,
            cast(cancelled_on as date) as cancelled_on, who.person_id
        from {demo.feed("contracts.subscriptions")} as subscriptions
        inner join {demo.told("who_is_who")} as who
            on coalesce(account_id, member_id) = who.source_record_id
            and who.source in ('shop.accounts', 'loyalty.members')
        where end_reason is distinct from 'other' and monthly_fee is distinct from 'free'
        qualify row_number() over (partition by subscription_id order by updated_at desc) = 1
    )"""


def test_losses_of_contracts_follow_from_the_feed(demo: Demo) -> None:
    differing, ended, lost, returned, switched = demo.ask(f"""
        with known as (from {_subscriptions(demo)}),
        judged as (
            select one.subscription_id, any_value(one.end_reason) as end_reason,
                any_value(one.end_reason) <> 'plan_switch' and not bool_or(coalesce(
                    other.started_on <= one.ended_on + 30
                    and coalesce(other.ended_on > one.ended_on, true), false
                )) as is_loss
            from known as one
            left join known as other
                on one.person_id = other.person_id and one.subscription_id <> other.subscription_id
            where one.ended_on between date '2017-01-01' and date '2017-12-31'
            group by one.subscription_id
        )
        select
            count_if(judged.is_loss is distinct from told.is_loss
                or judged.end_reason is distinct from told.reason),
            count(*), count_if(told.is_loss), count_if(told.returned_on is not null),
            count_if(told.reason = 'plan_switch')
        from judged full join {demo.told("contract_churn")} as told using (subscription_id)
    """)[0]
    assert differing == 0
    assert ended >= 40
    assert 0.5 * ended <= lost < ended
    assert returned >= 2
    assert switched >= 3


def test_contracts_end_at_a_real_looking_rate(demo: Demo) -> None:
    """Ends in a month among those active at its start, switches of plan left out."""
    rate, active = demo.ask(f"""
        with months as (
            select unnest(generate_series(date '2017-01-01', date '2017-12-01', interval 1 month))
                as month
        )
        select
            count_if(ended_on >= month and ended_on < month + interval 1 month
                and end_reason <> 'plan_switch') / count(*),
            count(*)
        from {_subscriptions(demo)} cross join months
        where started_on < month and coalesce(ended_on >= month, true)
    """)[0]
    assert active > 1000
    assert 0.02 <= rate <= 0.045
    early, unordered = demo.ask(f"""
        select count_if(cancelled_on < started_on), count_if(ended_on <= cancelled_on)
        from {_subscriptions(demo)} where ended_on is not null
    """)[0]
    assert (early, unordered) == (0, 0)


def test_a_switch_of_plan_goes_on_the_next_day(demo: Demo) -> None:
    switches, followed = demo.ask(f"""
        with known as (from {_subscriptions(demo)})
        select count(*), count_if(next.plan <> known.plan)
        from known
        left join known as next
            on known.person_id = next.person_id and next.started_on = known.ended_on + 1
        where known.end_reason = 'plan_switch' and known.ended_on < date '2017-12-31'
    """)[0]
    assert switches == followed >= 3


def test_who_left_the_shop_mostly_ended_the_contract(demo: Demo) -> None:
    left, ended = demo.ask(f"""
        select count(*), count_if(subscriptions.ended_on is not null)
        from {_subscriptions(demo)} as subscriptions
        inner join {demo.told("people")} as people using (person_id)
        where people.left_on < date '2017-11-01' and subscriptions.started_on < people.left_on
    """)[0]
    assert left >= 8
    assert 0.5 <= ended / left <= 1.0


def test_some_rows_of_the_feeds_of_people_are_to_be_refused(demo: Demo) -> None:
    reasons = {
        f"{feed} {reason}"
        for feed, reason in demo.ask(f"select feed, reason from {demo.told('refused_rows')}")
    }
    assert reasons >= {
        "crm.contacts missing:contact_id",
        "crm.contacts type:birth_date",
        "shop.accounts type:created_at",
        "loyalty.members missing:updated_at",
        "newsletter.subscribers missing:email",
        "consent.events allowed:status",
        "contracts.subscriptions type:monthly_fee",
    }
