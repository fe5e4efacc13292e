"""Contracts as data engineers write them: the good ones load, a bad one names its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestration import feeds
from orchestration.feeds import ContractError

GOOD = """\
version: 2

sources:
  - name: shop
    description: The web shop.
    config:
      meta: {owner: web-team}
    tables:
      - name: orders
        identifier: shop__orders
        description: An order, one row per order.
        config:
          freshness:
            warn_after: {count: 36, period: hour}
            error_after: {count: 4, period: day}
          meta:
            key: [order_id]
            cursor: ordered_at
            max_reject_share: 0.05
            volume: {min_ratio: 0.5}
            csv: {delimiter: ";"}
        columns:
          - name: order_id
            data_type: varchar
            description: Order number.
            constraints: [{type: not_null}]
          - name: ordered_at
            data_type: timestamp
            description: When it was placed, UTC.
          - name: state
            data_type: varchar
            description: How far it has come.
            config: {meta: {allowed: [placed, paid]}}
          - name: amount
            data_type: decimal(18,2)
            description: What is to be paid.
      - name: returns
        identifier: shop__returns
        description: A return, one row per return.
        config:
          meta:
            owner: logistics
            key: [return_id]
            duplicates: keep_latest
        columns:
          - name: return_id
            data_type: bigint
            description: Return number.
          - name: email
            data_type: varchar
            description: Who sends it back.
            config: {meta: {pii: email}}
"""
GOOD_LINES = GOOD.splitlines()
ORDERS, RETURNS = "- name: orders", "- name: returns"


def write(root: Path, text: str, source: str = "shop") -> Path:
    path = root / source / f"_{source}__sources.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str, text: str = GOOD) -> str:
    assert text.count(old) == 1, f"`{old}` must stand exactly once in the contract"
    return text.replace(old, new)


def line_of(text: str, beginning: str) -> int:
    """The only line that begins so, counted from 1."""
    (number,) = (
        number
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip().startswith(beginning)
    )
    return number


def refusal(root: Path) -> str:
    with pytest.raises(ContractError) as caught:
        feeds.load(root)
    return str(caught.value)


# contracts that hold


def test_every_shipped_contract_loads() -> None:
    shipped = feeds.load()
    assert [feed.name for feed in shipped] == sorted(feed.name for feed in shipped)
    assert {feed.path for feed in shipped} == set(feeds.SOURCES_ROOT.glob("*/_*__sources.yml"))
    for feed in shipped:
        line = feed.path.read_text(encoding="utf-8").splitlines()[feed.line - 1]
        assert line.strip() == f"- name: {feed.table}"


def test_a_contract_holds_what_its_table_says(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    orders, returns = feeds.load(tmp_path)
    assert (orders.name, orders.identifier) == ("shop.orders", "shop__orders")
    assert (orders.path, orders.line, returns.line) == (path, 9, 37)
    assert orders.column_names == ("order_id", "ordered_at", "state", "amount")
    assert [column.is_required for column in orders.columns] == [True, False, False, False]
    assert orders.columns[2].allowed == ("placed", "paid")
    assert (orders.key, orders.cursor) == (("order_id",), "ordered_at")
    assert orders.max_reject_share == 0.05
    assert (orders.volume.min_ratio, orders.csv.delimiter) == (0.5, ";")
    assert orders.freshness.warn_after
    assert orders.freshness.warn_after.as_timedelta.total_seconds() == 36 * 3600
    assert orders.freshness.error_after
    assert orders.freshness.error_after.as_timedelta.days == 4
    assert [column.pii for column in returns.columns] == ["none", "email"]


def test_what_a_contract_leaves_out_has_a_safe_default(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    orders, returns = feeds.load(tmp_path)
    assert (orders.duplicates, returns.duplicates) == ("refuse", "keep_latest")
    assert (returns.cursor, returns.max_reject_share) == (None, 0.01)
    assert (returns.freshness.warn_after, returns.freshness.error_after) == (None, None)


def test_a_table_overrides_what_its_source_says(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert [feed.owner for feed in feeds.load(tmp_path)] == ["web-team", "logistics"]


def test_not_null_may_be_written_short(tmp_path: Path) -> None:
    write(tmp_path, changed("[{type: not_null}]", "[not_null]"))
    assert feeds.load(tmp_path)[0].columns[0].is_required


def test_feeds_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    text = GOOD.replace("shop", "crm").replace("orders", "visits")
    write(tmp_path, text, source="crm")
    names = [feed.name for feed in feeds.load(tmp_path)]
    assert names == ["crm.returns", "crm.visits", "shop.orders", "shop.returns"]


def test_no_folder_and_no_contract_are_no_feeds(tmp_path: Path) -> None:
    assert feeds.load(tmp_path / "nothing") == ()
    # what the pipeline says of itself stands beside the sources' folders and is no feed
    (tmp_path / "_raw__sources.yml").write_text("version: 2\nsources: []\n")
    assert feeds.load(tmp_path) == ()


@pytest.mark.parametrize(
    "data_type",
    ["varchar", "integer", "bigint", "double", "boolean", "date", "timestamp", "decimal(38, 9)"],
)
def test_a_known_data_type_is_taken(tmp_path: Path, data_type: str) -> None:
    write(tmp_path, changed("data_type: decimal(18,2)", f"data_type: {data_type}"))
    assert feeds.load(tmp_path)[0].columns[3].data_type == data_type


AMOUNT = "            description: What is to be paid.\n"


def ranged(bounds: str) -> str:
    """The contract with a range on `amount` and, behind it, a number to measure it with."""
    return changed(
        AMOUNT,
        f"{AMOUNT}            config: {{meta: {{range: {bounds}}}}}\n"
        "          - name: credit_limit\n            data_type: integer\n"
        "            description: The most it may be.\n",
    )


@pytest.mark.parametrize(
    ("bounds", "read"),
    [
        ("[0, 100]", (0, 100)),
        ("[-0.5, 1.0e+3]", (-0.5, 1000.0)),
        ("[5, 5]", (5, 5)),
        ("[0, null]", (0, None)),
        ("[null, credit_limit]", (None, "credit_limit")),
    ],
)
def test_a_range_has_two_ends(
    tmp_path: Path, bounds: str, read: tuple[float | str | None, float | str | None]
) -> None:
    write(tmp_path, ranged(bounds))
    columns = feeds.load(tmp_path)[0].columns
    assert [column.range for column in columns] == [None, None, None, read, None]


# contracts that do not hold: the change, the line it must name, and words it must say


class Breach(NamedTuple):
    """A change that spoils the contract, the beginning of the line to name, what must be said."""

    old: str
    new: str
    line: str
    said: tuple[str, ...]


def _of_table(old: str, new: str, *said: str) -> Breach:
    return Breach(old, new, ORDERS, ("shop.orders", *said))


BREACHES = {
    "an identifier that is missing": _of_table(
        "        identifier: shop__orders\n", "", "`identifier` must be shop__orders"
    ),
    "an identifier that is not the feed's": _of_table(
        "identifier: shop__orders", "identifier: orders", "`identifier` must be shop__orders"
    ),
    "an identifier of the table behind": Breach(
        "identifier: shop__returns", "identifier: x", RETURNS, ("must be shop__returns",)
    ),
    "a description that is missing": _of_table(
        "        description: An order, one row per order.\n", "", "description"
    ),
    "an unknown data type": Breach(
        "data_type: decimal(18,2)",
        "data_type: money",
        "- name: amount",
        ("shop.orders", "data_type", "varchar|integer"),
    ),
    "a data type that is missing": Breach(
        "            data_type: timestamp\n", "", "- name: ordered_at", ("data_type",)
    ),
    "a data type that smuggles sql": Breach(
        "data_type: timestamp",
        "data_type: date) as x; drop table y --",
        "- name: ordered_at",
        ("data_type",),
    ),
    "an unknown meta key": _of_table(
        "cursor: ordered_at", "cursors: ordered_at", "cursors", "not permitted"
    ),
    "an unknown meta key of a column": Breach(
        "{allowed: [placed, paid]}",
        "{allow: [placed, paid]}",
        "- name: state",
        ("allow", "not permitted"),
    ),
    "a range of a text": Breach(
        "{allowed: [placed, paid]}",
        "{range: [0, 1]}",
        "- name: state",
        ("shop.orders", "columns.2", "only a number has one", "state is varchar"),
    ),
    "a range of a moment": Breach(
        "            description: When it was placed, UTC.\n",
        "            description: When it was placed, UTC.\n"
        "            config: {meta: {range: [0, 1]}}\n",
        "- name: ordered_at",
        ("ordered_at is timestamp",),
    ),
    "an unknown kind of personal data": Breach(
        "pii: email", "pii: secret", "- name: email", ("shop.returns", "pii", "'email'")
    ),
    "a key that names no column": _of_table(
        "key: [order_id]", "key: [order_id, line]", "key", "names no column: line"
    ),
    "a cursor that names no column": _of_table(
        "cursor: ordered_at", "cursor: moment", "cursor names no column: moment"
    ),
    "a key that is missing": _of_table("            key: [order_id]\n", "", "key", "required"),
    "a key of no column": _of_table("key: [order_id]", "key: []", "key", "at least 1"),
    "a column named twice": _of_table(
        "- name: amount", "- name: state", "columns named twice: state"
    ),
    "a column without a description": Breach(
        "            description: What is to be paid.\n",
        "",
        "- name: amount",
        ("shop.orders", "description"),
    ),
    "a column that is only a name": _of_table(
        "          - name: amount\n            data_type: decimal(18,2)\n"
        "            description: What is to be paid.\n",
        "          - amount\n",
        "columns",
        "dictionary",
    ),
    "a constraint other than not_null": Breach(
        "[{type: not_null}]",
        "[{type: not_null}, {type: unique}]",
        "- name: order_id",
        ("column order_id", "not_null"),
    ),
    "a reject share above one": _of_table("share: 0.05", "share: 1.5", "max_reject_share", "1"),
    "a reject share below zero": _of_table("share: 0.05", "share: -0.1", "max_reject_share", "0"),
    "a reject share in words": _of_table("share: 0.05", "share: few", "max_reject_share", "number"),
    "a freshness of no time": _of_table("count: 4,", "count: 0,", "freshness.error_after.count"),
    "a freshness in weeks": _of_table(
        "{count: 4, period: day}", "{count: 4, period: week}", "freshness.error_after.period"
    ),
    "a freshness without a unit": _of_table(
        "{count: 4, period: day}", "4", "freshness.error_after"
    ),
    "a freshness that is misspelt": _of_table("warn_after:", "warns_after:", "warns_after"),
    "duplicates that mean nothing": Breach(
        "duplicates: keep_latest", "duplicates: ignore", RETURNS, ("duplicates", "'refuse'")
    ),
    "a delimiter of two characters": _of_table('";"', '";;"', "csv.delimiter"),
    "an owner that is missing": _of_table("meta: {owner: web-team}", "meta: {}", "owner"),
    "an owner that is no team": _of_table("owner: web-team", "owner: The Team", "owner"),
    "a meta that is no mapping": Breach(
        "          meta:\n            owner: logistics\n            key: [return_id]\n"
        "            duplicates: keep_latest\n",
        "          meta: logistics\n",
        RETURNS,
        ("`meta` must be a mapping",),
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    breach = BREACHES[name]
    text = changed(breach.old, breach.new)
    path = write(tmp_path, text)
    sentence = refusal(tmp_path)
    assert sentence.startswith(f"{path}:{line_of(text, breach.line)}: "), sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    for words in breach.said:
        assert words in sentence


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ("[2, 1]", "low 2 is above high 1"),
        ("[null, null]", "both ends are open"),
        ("[0, discount]", "`discount` is no other numeric column"),
        ("[state, 1]", "`state` is no other numeric column"),
        ("[0, amount]", "`amount` is no other numeric column"),
        ("[0]", "range: must be [low, high]"),
        ("[0, 1, 2]", "range: must be [low, high]"),
        ("5", "range: must be [low, high]"),
        ("{low: 0, high: 1}", "range: must be [low, high]"),
        ("[false, true]", "range: must be [low, high]"),
        ("[0, 1e3]", "range: must be [low, high]"),  # to YAML a text, for want of a point
        ("[0, .inf]", "range: must be [low, high]"),
        ("[.nan, 1]", "range: must be [low, high]"),
        ('[0, "1; drop table x"]', "range: must be [low, high]"),
    ],
)
def test_a_range_that_binds_nothing_is_refused_with_its_line(
    tmp_path: Path, bounds: str, said: str
) -> None:
    text = ranged(bounds)
    path = write(tmp_path, text)
    sentence = refusal(tmp_path)
    line = line_of(text, "- name: amount")
    assert sentence.startswith(f"{path}:{line}: shop.orders: columns.3"), sentence
    assert said in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize("columns", ["        columns: []\n", ""])
def test_a_table_without_columns_is_refused_with_its_line(tmp_path: Path, columns: str) -> None:
    listed = GOOD[GOOD.index("        columns:\n          - name: return_id") :]
    path = write(tmp_path, changed(listed, columns))
    sentence = refusal(tmp_path)
    assert sentence.startswith(f"{path}:37: shop.returns: columns: ")
    assert "at least 1 item" in sentence


UNSAFE = [
    "drop table x",
    "x;--",
    "Orders",
    "../x",
    "a/b",
    "1st",
    "_hidden",
    "größe",
    '"x"',
    "a" * 64,
    "tab\tbed",
    "line\n",
]


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_table_name_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    text = changed("- name: returns", f"- name: {json.dumps(name)}")
    text = changed("shop__returns", json.dumps(f"shop__{name}"), text)
    path = write(tmp_path, text)
    sentence = refusal(tmp_path)
    assert sentence.startswith(f"{path}:37: shop.")
    assert "table: String should match" in sentence


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_column_name_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    text = changed("- name: email", f"- name: {json.dumps(name)}")
    path = write(tmp_path, text)
    sentence = refusal(tmp_path)
    assert sentence.startswith(f"{path}:{GOOD_LINES.index('          - name: email') + 1}: ")
    assert "shop.returns: columns.1.name: String should match" in sentence


@pytest.mark.parametrize("name", ["Shop", "web shop", "1shop"])
def test_an_unsafe_source_name_is_refused(tmp_path: Path, name: str) -> None:
    text = changed("- name: shop", f"- name: {name}").replace("shop__", f"{name}__")
    path = write(tmp_path, text, source=name)
    assert refusal(tmp_path).startswith(f"{path}:9: {name}.orders: source: String should match")


# files that are no list of contracts


@pytest.mark.parametrize(
    "text", ["", "version: 2\n", "- sources\n", "sources: none\n", "sources:\n"]
)
def test_a_file_without_sources_is_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    assert refusal(tmp_path) == f"{path}:1: a list `sources:` is expected at the top."


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        # a colon that YAML takes for a key
        ("description: Order number.", "description: Order number: unique.", 25),
        # a bracket never closed is noticed on the line behind
        ('csv: {delimiter: ";"}', 'csv: {delimiter: ";"', 22),
        # tabs
        ("            cursor: ordered_at", "\tcursor: ordered_at", 18),
        # a quote never closed is noticed at the end of the file
        ("description: The web shop.", "description: 'The web shop.", 53),
    ],
)
def test_yaml_that_cannot_be_read_names_the_line(
    tmp_path: Path, old: str, new: str, line: int
) -> None:
    path = write(tmp_path, changed(old, new))
    sentence = refusal(tmp_path)
    assert sentence.startswith(f"{path}:{line}: not readable as yaml: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    path.write_bytes(GOOD.replace("web shop", "boutique d'été").encode("latin-1"))
    assert refusal(tmp_path).startswith(f"{path}:5: not readable as yaml: ")


def test_a_character_no_text_holds_is_refused(tmp_path: Path) -> None:
    text = changed("What is to be paid.", "What is \x07 to be paid.")
    # letters of two bytes before it do not move the line
    path = write(tmp_path, changed("The web shop.", "é" * 400, text))
    assert refusal(tmp_path).startswith(f"{path}:36: not readable as yaml: ")


@pytest.mark.parametrize("name", ["crm", "../shop", "Shop"])
def test_a_source_lives_in_the_folder_of_its_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, changed("- name: shop", f"- name: {name}"))
    assert refusal(tmp_path) == (
        f"{path}:4: source `{name}` must live in {name}/_{name}__sources.yml."
    )


@pytest.mark.parametrize("place", ["shop/_crm__sources.yml", "crm/_shop__sources.yml"])
def test_a_file_in_another_place_than_its_sources_is_refused(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(GOOD)
    assert refusal(tmp_path) == (f"{path}:4: source `shop` must live in shop/_shop__sources.yml.")


def test_a_source_without_tables_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD[: GOOD.index("    tables:")])
    assert refusal(tmp_path) == f"{path}:4: the source has no list `tables:`."


def test_a_table_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD[: GOOD.index("      - name: orders")] + "      - orders\n")
    assert refusal(tmp_path) == (f"{path}:4: a table must be a mapping with `name` and `columns`.")
