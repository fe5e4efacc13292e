"""What reading promises: real files in, accepted and refused rows out, and nothing lost between."""

from __future__ import annotations

import gzip
import os
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.feeds import LINEAGE_TYPES, Bound, Column, Feed
from orchestration.reading import DayReading, LandedFile, footers, read_days, read_footer

DAY = date(2017, 3, 2)
HEADER = b"id,sold_at,amount,arm,note\n"


def make_feed(
    columns: Sequence[tuple[str, str]] | None = None,
    *,
    required: Sequence[str] = ("id", "sold_at"),
    allowed: Mapping[str, tuple[str, ...]] | None = None,
    ranges: Mapping[str, tuple[Bound, Bound]] | None = None,
    **settings: Any,
) -> Feed:
    columns = columns or (
        ("id", "varchar"),
        ("sold_at", "timestamp"),
        ("amount", "decimal(18,2)"),
        ("arm", "varchar"),
        ("note", "varchar"),
    )
    allowed = {"arm": ("treatment", "control")} if allowed is None else allowed
    return Feed(
        source="offers",
        table="redemptions",
        description="A redemption.",
        owner="crm",
        columns=tuple(
            Column(
                name=name,
                data_type=data_type,
                description="A column.",
                is_required=name in required,
                allowed=allowed.get(name, ()),
                range=(ranges or {}).get(name),
            )
            for name, data_type in columns
        ),
        key=(columns[0][0],),
        path=Path("_offers__sources.yml"),
        line=1,
        **{"max_reject_share": 1.0, **settings},
    )


FEED = make_feed()


class Landing:
    """A landing and a work folder, and short ways to fill the one and look into the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self.files: dict[date, list[LandedFile]] = {}

    def add(self, name: str, content: bytes, day: date = DAY) -> Path:
        path = self.root / "landing" / str(day) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.files.setdefault(day, []).append(LandedFile.of(path))
        return path

    def add_query(self, name: str, select: str, options: str = "", day: date = DAY) -> Path:
        """A file that DuckDB itself writes."""
        path = self.add(name, b"", day)
        self.files[day].pop()
        with duckdb.connect() as con:
            con.execute(f"copy ({select}) to '{path}' {options}")
        self.files[day].append(LandedFile.of(path))
        return path

    def read(self, feed: Feed = FEED) -> DayReading:
        (reading,) = read_days(feed, self.files, self.work)
        return reading


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path)


def rows(path: Path | None, columns: str = "*") -> list[tuple[Any, ...]]:
    assert path is not None
    with duckdb.connect() as con:
        return con.execute(f"select {columns} from read_parquet(?)", [str(path)]).fetchall()


def refused(reading: DayReading) -> list[tuple[Any, ...]]:
    return rows(reading.quarantine, "line_number, reason")


def utc(text: str) -> datetime:
    """A moment as raw holds it: UTC, without a zone."""
    return datetime.fromisoformat(text)


def line(id_: str, note: str = "") -> bytes:
    return f"{id_},2017-03-02T10:00:00Z,1.00,,{note}\n".encode()


# what an accepted row looks like


def test_accepted_rows_have_the_contracts_columns_then_lineage(landing: Landing) -> None:
    landing.add("a.csv", HEADER + b"r1,2017-03-02T10:00:00Z,12.50,treatment,hello\n")
    reading = landing.read()
    assert (reading.accepted_count, reading.refused_count, reading.error) == (1, 0, None)
    assert reading.quarantine is None
    with duckdb.connect() as con:
        table = con.execute("select * from read_parquet(?)", [str(reading.parquet)])
        assert [(c[0], str(c[1])) for c in table.description or []] == [
            ("id", "VARCHAR"),
            ("sold_at", "TIMESTAMP"),
            ("amount", "DECIMAL(18,2)"),
            ("arm", "VARCHAR"),
            ("note", "VARCHAR"),
            ("_load_date", "DATE"),
            ("_source_file", "VARCHAR"),
            ("_line_number", "BIGINT"),
            ("_raw_version", "VARCHAR"),
        ]
    moment = utc("2017-03-02 10:00:00")
    assert rows(reading.parquet) == [
        ("r1", moment, Decimal("12.50"), "treatment", "hello", DAY, "a.csv", 2, reading.version)
    ]


def test_rows_are_ordered_by_file_then_line(landing: Landing) -> None:
    landing.add("b.csv", HEADER + line("3") + line("4"))
    landing.add("a.csv.gz", gzip.compress(HEADER + line("1") + line("2")))
    found = rows(landing.read().parquet, "id, _source_file, _line_number")
    assert found == [
        ("1", "a.csv.gz", 2),
        ("2", "a.csv.gz", 3),
        ("3", "b.csv", 2),
        ("4", "b.csv", 3),
    ]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_text_is_read_in_every_compression(landing: Landing, compression: str) -> None:
    ending = {"none": "", "gzip": ".gz", "zstd": ".zst"}[compression]
    select = (
        "select 'r' || i as id, timestamp '2017-03-02 10:00:00' as sold_at from range(500) t(i)"
    )
    options = f"(format {{}}, compression {compression})"
    landing.add_query(f"a.csv{ending}", select, options.format("csv"))
    landing.add_query(f"b.jsonl{ending}", select, options.format("json"))
    reading = landing.read()
    assert (reading.error, reading.accepted_count) == (None, 1000)


def test_endings_may_be_in_capitals(landing: Landing) -> None:
    landing.add("EXPORT.CSV", HEADER + line("1"))
    landing.add("EXPORT.JSONL.GZ", gzip.compress(b'{"id": "2", "sold_at": "2017-03-02"}\n'))
    assert landing.read().accepted_count == 2


# csv


def test_headers_match_by_name_in_any_order_case_and_padding(landing: Landing) -> None:
    landing.add("a.csv", b' NOTE ,Amount,"Sold_At",id,arm\nhello,1,2017-03-02,r1,control\n')
    assert rows(landing.read().parquet, "id, note, arm") == [("r1", "hello", "control")]


@pytest.mark.parametrize(
    ("dialect", "content"),
    [
        ({"delimiter": ";"}, b'id;sold_at;note\nr1;2017-03-02;"a;b, c"\n'),
        ({"delimiter": "\t"}, b"id\tsold_at\tnote\nr1\t2017-03-02\ta;b, c\n"),
        ({"delimiter": "|", "quote": "'"}, b"id|sold_at|note\nr1|2017-03-02|'a;b, c'\n"),
        ({"delimiter": "|", "quote": ""}, b"id|sold_at|note\nr1|2017-03-02|a;b, c\n"),
    ],
)
def test_dialects(landing: Landing, dialect: dict[str, str], content: bytes) -> None:
    landing.add("a.csv", content)
    assert rows(landing.read(make_feed(csv=dialect)).parquet, "note") == [("a;b, c",)]


def test_without_a_quote_character_quotes_are_text(landing: Landing) -> None:
    landing.add("a.csv", b'id,sold_at,note\nr1,2017-03-02,5" "x\n')
    assert rows(landing.read(make_feed(csv={"quote": ""})).parquet, "note") == [('5" "x',)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252"])
def test_encodings(landing: Landing, encoding: str) -> None:
    text = "id,sold_at,note\nr1,2017-03-02,café" + (" 5 €" if encoding == "cp1252" else "")
    landing.add("a.csv", text.encode(encoding))
    contract = "utf-8" if encoding.startswith("utf-8") else "latin-1"
    (found,) = rows(landing.read(make_feed(csv={"encoding": contract})).parquet, "note")
    assert found == (text.rpartition(",")[2],)


def test_quoted_fields_hold_delimiters_quotes_and_line_breaks(landing: Landing) -> None:
    landing.add(
        "a.csv",
        b'id,sold_at,note\n"r,1","2017-03-02","say ""hi"", then\nleave, ""now"""\n'
        b'r2,2017-03-02,""\n"r3",2017-03-02,"""x"""\n',
    )
    reading = landing.read()
    assert rows(reading.parquet, "id, note, _line_number") == [
        ("r,1", 'say "hi", then\nleave, "now"', 2),
        ("r2", None, 4),
        ("r3", '"x"', 5),
    ]
    assert reading.refused_count == 0


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "content",
    [
        b'id,sold_at,note\r\nr1,2017-03-02,x\r\n\r\nr2,2017-03-02,"y\r\nz"\r\nr3,2017-03-02,v\r\n',
        b'id,sold_at,note\nr1,2017-03-02,x\r\n\r\nr2,2017-03-02,"y\r\nz"\nr3,2017-03-02,v\r\n',
        b'id,sold_at,note\rr1,2017-03-02,x\r\rr2,2017-03-02,"y\rz"\rr3,2017-03-02,v\r',
    ],
    ids=["windows", "mixed", "old mac"],
)
def test_every_kind_of_line_break(landing: Landing, content: bytes, packed: bool) -> None:
    landing.add("a.csv.gz" if packed else "a.csv", gzip.compress(content) if packed else content)
    found = rows(landing.read().parquet, "id, note, _line_number")
    assert found == [("r1", "x", 2), ("r2", "y\nz", 4), ("r3", "v", 6)]


def test_a_carriage_return_inside_a_line_loses_nothing(landing: Landing) -> None:
    landing.add("a.csv", b"id,sold_at,note\nr1,2017-03-02,one\rtwo\nr2,2017-03-02,x\n")
    found = rows(landing.read().parquet, "id, note, _line_number")
    assert found == [("r1", "one two", 2), ("r2", "x", 3)]


def test_refused_rows_keep_their_physical_line_whatever_stands_before(landing: Landing) -> None:
    landing.add(
        "a.csv",
        HEADER  # 1
        + b"\n"  # 2 blank
        + b'r1,2017-03-02,1,,"two\n\nlines"\n'  # 3 to 5, one of them blank
        + b"\xff,2017-03-02,1,,x\n"  # 6 not utf-8
        + b"\xff,2017-03-02,1,,x\n"  # 7 not utf-8
        + b"r2,2017-03-02,1,,x,y\n"  # 8 a field too many
        + b"r3,2017-03-02\n"  # 9 fields missing
        + b'r4,2017-03-02,1,,"never closed\n'  # 10
        + b'r5,2017-03-02,1,,"fine"\n'  # 11
        + b'r6,2017-03-02,1,,5" tall\n'  # 12 a quote that is not escaped
        + b'r7,2017-03-02,1,,"a"b"\n'  # 13
        + b'r8,2017-03-02,1,,"also\nfine"\n'  # 14 and 15
        + b"r9,soon,1,,x\n"  # 16
        + b'r10,2017-03-02,1,,"three\nlines ""here""\nand out"\n'  # 17 to 19
        + b",2017-03-02,1,,x\n"  # 20
        + b"r11,2017-03-02,1,,last",  # 21
    )
    reading = landing.read()
    assert refused(reading) == [
        (6, "encoding"),
        (7, "encoding"),
        (8, "columns"),
        (9, "columns"),
        (10, "quote"),
        (12, "quote"),
        (13, "quote"),
        (16, "type:sold_at"),
        (20, "missing:id"),
    ]
    assert rows(reading.parquet, "id, _line_number") == [
        ("r1", 3),
        ("r5", 11),
        ("r8", 14),
        ("r10", 17),
        ("r11", 21),
    ]
    assert rows(reading.parquet, "note")[0] == ("two\n\nlines",)
    assert reading.refused_by_reason == {
        "columns": 2,
        "encoding": 2,
        "missing:id": 1,
        "quote": 3,
        "type:sold_at": 1,
    }


def test_a_quote_never_closed_costs_one_row_and_not_the_rest(landing: Landing) -> None:
    content = b"".join(line(f"r{i}") for i in range(1000))
    landing.add("a.csv", HEADER + b'bad,2017-03-02,1,,"open\n' + content)
    landing.add("b.csv", HEADER + content + b'bad,2017-03-02,1,,"open\n')
    reading = landing.read()
    assert reading.accepted_count == 2000
    assert refused(reading) == [(2, "quote"), (1002, "quote")]


def test_a_quoted_record_with_an_unreadable_line_inside_is_refused(landing: Landing) -> None:
    landing.add("a.csv", HEADER + b'r1,2017-03-02,1,,"a\n\xff\nb"\n' + line("r2"))
    reading = landing.read()
    assert rows(reading.parquet, "id, _line_number") == [("r2", 5)]
    assert refused(reading) == [(2, "quote"), (3, "encoding"), (4, "quote")]


def test_line_numbers_hold_for_random_records(landing: Landing) -> None:
    """Any mix of good, bad, blank and many-lined records: each is found where it was put."""
    dice = random.Random(7)
    expected: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for part in range(4):
        newline = dice.choice([b"\n", b"\r\n"])
        pieces, number = [HEADER.replace(b"\n", newline)], 2
        for i in range(400):
            good = dice.choice([b"x", b'"x"', b'"a\nb"', b'"a\n\n""b""\nc"', b'"\n"', b'","'])
            record, reason = dice.choice(
                [
                    (b"id%d,2017-03-02,1,," % i + good, None),
                    (b"", "blank"),
                    (b"id%d,never,1,," % i + good, "type:sold_at"),
                    (b"id%d,2017-03-02,1,,\xff" % i, "encoding"),
                    (b"id%d,2017-03-02,1,,x,y" % i, "columns"),
                    (b'id%d,2017-03-02,1,,"a"b' % i, "quote"),
                ]
            )
            pieces.append(record.replace(b"\n", newline) + newline)
            expected[f"{part}.csv", reason].append(number)
            number += 1 + record.count(b"\n")
        landing.add(f"{part}.csv", b"".join(pieces))
    reading = landing.read()
    for part in range(4):
        name = f"{part}.csv"
        accepted = [n for f, n in rows(reading.parquet, "_source_file, _line_number") if f == name]
        assert accepted == expected[name, None]
        for reason in ("type:sold_at", "encoding", "columns", "quote"):
            found = rows(reading.quarantine, "file, reason, line_number")
            lines = [n for f, r, n in found if (f, r) == (name, reason)]
            assert lines == expected[name, reason]


def test_a_very_long_line_costs_that_line(landing: Landing) -> None:
    landing.add("a.csv", HEADER + line("1") + b"x" * 3_000_000 + b"\n" + line("2"))
    reading = landing.read()
    assert refused(reading) == [(3, "too_long")]
    assert rows(reading.parquet, "_line_number") == [(2,), (4,)]


def test_the_quarantine_shows_the_raw_line(landing: Landing) -> None:
    landing.add("a.csv", HEADER + b'r1,soon,x,,"two\nlines"\n\xffr2,2017-03-02,1,,y\n')
    assert rows(landing.read().quarantine, 'file, line_number, reason, "column", text') == [
        ("a.csv", 2, "type:sold_at", "sold_at", 'r1,soon,x,,"two\nlines"'),
        ("a.csv", 2, "type:amount", "amount", 'r1,soon,x,,"two\nlines"'),
        ("a.csv", 4, "encoding", None, "?r2,2017-03-02,1,,y"),
    ]


# json lines


def test_json_lines(landing: Landing) -> None:
    landing.add(
        "a.jsonl",
        b'\xef\xbb\xbf{"id": 1, "sold_at": "2017-03-02T10:00:00+02:00", "amount": 2.5}\n'
        b"\n"
        b'  {"note": "a\\nb \\u00e9", "sold_at": "2017-03-02", "id": "x", "amount": null}  \n'
        b'{"id": "y", "sold_at": \n'
        b'["id", "sold_at"]\n'
        b'{"sold_at": "2017-03-02"}\n'
        b'{"id": "z", "sold_at": ""}\n'
        b'{"id": "w", "sold_at": "2017-03-02", "arm": "other"}\n'
        b"\xff\n",
    )
    reading = landing.read()
    assert rows(reading.parquet, "id, sold_at, amount, note, _line_number") == [
        ("1", utc("2017-03-02 08:00:00"), Decimal("2.50"), None, 1),
        ("x", utc("2017-03-02 00:00:00"), None, "a\nb é", 3),
    ]
    assert refused(reading) == [
        (4, "not_json"),
        (5, "not_json"),
        (6, "missing:id"),
        (7, "missing:sold_at"),
        (8, "allowed:arm"),
        (9, "encoding"),
    ]


def test_json_keys_match_in_any_case_and_nested_extras_are_kept_out(landing: Landing) -> None:
    landing.add("a.jsonl", b'{" ID ": "r1", "Sold_At": "2017-03-02", "basket": {"n": [1, 2]}}\n')
    reading = landing.read()
    assert rows(reading.parquet, "id") == [("r1",)]
    assert any("extra column basket" in note for note in reading.notes)


def test_json_lines_of_a_day_may_differ_in_their_optional_keys(landing: Landing) -> None:
    landing.add("a.jsonl", b'{"id": "1", "sold_at": "2017-03-02", "note": "n"}\n')
    landing.add("b.jsonl", b'{"sold_at": "2017-03-02", "amount": 3, "id": "2"}\n')
    found = rows(landing.read().parquet, "id, note, amount")
    assert found == [("1", "n", None), ("2", None, Decimal(3))]


def test_a_file_without_one_object_is_refused_line_by_line(landing: Landing) -> None:
    landing.add("a.jsonl", b"hello\nworld\n")
    assert landing.read().refused_by_reason == {"not_json": 2}


# parquet


def test_parquet_is_read_by_name_whatever_its_types(landing: Landing) -> None:
    landing.add_query(
        "a.parquet",
        """select [1, 2] as basket, 2.5::double as "Amount", 7 as id,
            timestamptz '2017-03-02 10:00:00+02' as sold_at""",
    )
    reading = landing.read()
    assert rows(reading.parquet, "id, sold_at, amount, note, _line_number") == [
        ("7", utc("2017-03-02 08:00:00"), Decimal("2.50"), None, 1)
    ]
    assert any("extra column basket" in note for note in reading.notes)


def test_parquet_rows_are_refused_by_row_number_and_shown_as_json(landing: Landing) -> None:
    landing.add_query(
        "a.parquet",
        "select * from (values ('r1', '2017-03-02', 'it''s'), ('r2', 'soon', 'x'),"
        " (null, '2017-03-02', null), ('r4', '2017-03-03', null)) t(id, sold_at, note)",
    )
    reading = landing.read()
    assert rows(reading.parquet, "id, _line_number") == [("r1", 1), ("r4", 4)]
    assert rows(reading.quarantine, "line_number, reason, text::json ->> 'note'") == [
        (2, "type:sold_at", "x"),
        (3, "missing:id", None),
    ]


def test_parquet_files_of_different_types_in_one_day(landing: Landing) -> None:
    landing.add_query("a.parquet", "select 1 as id, date '2017-03-02' as sold_at")
    landing.add_query("b.parquet", "select 'x' as id, '2017-03-02T01:00' as sold_at")
    landing.add_query(
        "c.parquet", "select 'y' as id, timestamp_ns '2017-03-02 00:00:01' as sold_at"
    )
    assert rows(landing.read().parquet, "id, hour(sold_at), second(sold_at)") == [
        ("1", 0, 0),
        ("x", 1, 0),
        ("y", 0, 1),
    ]


def test_a_parquet_column_cannot_pose_as_the_row_number(landing: Landing) -> None:
    landing.add_query("a.parquet", "select 'r1' as id, now() as sold_at, 99 as file_row_number")
    assert "a.parquet has a column file_row_number" in str(landing.read().error)


# types


@pytest.mark.parametrize(
    ("data_type", "text", "value"),
    [
        ("timestamp", "2017-03-02T10:00:00", utc("2017-03-02 10:00:00")),
        ("timestamp", "2017-03-02 10:00", utc("2017-03-02 10:00:00")),
        ("timestamp", "2017-03-02T10:00:00.123456Z", utc("2017-03-02 10:00:00.123456")),
        ("timestamp", "2017-03-02 00:30:00+02:00", utc("2017-03-01 22:30:00")),
        ("timestamp", "2017-03-02T10:00:00-0530", utc("2017-03-02 15:30:00")),
        ("timestamp", "2017-03-02", utc("2017-03-02 00:00:00")),
        ("date", "2017-03-02", date(2017, 3, 2)),
        ("date", "2017-03-02 00:00:00", date(2017, 3, 2)),
        ("boolean", "TRUE", True),
        ("boolean", "t", True),
        ("boolean", "yes", True),
        ("boolean", "1", True),
        ("boolean", "No", False),
        ("boolean", "f", False),
        ("boolean", "false", False),
        ("boolean", "0", False),
        ("integer", " -12 ", -12),
        ("integer", "12\t", 12),
        ("integer", "3.0", 3),
        ("bigint", "9007199254740993", 9007199254740993),
        ("double", "-1.5e3", -1500.0),
        ("decimal(18,2)", "1.005", Decimal("1.01")),
        ("decimal(18,2)", "-1.005", Decimal("-1.01")),
        ("decimal(18,3)", "1", Decimal("1.000")),
        ("varchar", "  a b  ", "a b"),
        ("varchar", "   ", None),
        ("integer", "", None),
    ],
)
def test_values_of_a_type(landing: Landing, data_type: str, text: str, value: object) -> None:
    feed = make_feed([("id", "varchar"), ("x", data_type)], required=("id",))
    landing.add("a.csv", f"id,x\nr1,{text}\n".encode())
    landing.add_query("b.parquet", "select 'r1' as id, '" + text + "' as x")
    assert rows(landing.read(feed).parquet, "x") == [(value,), (value,)]


@pytest.mark.parametrize(
    ("data_type", "text"),
    [
        ("timestamp", "02/03/2017"),
        ("timestamp", "2017/03/02 10:00:00"),
        ("timestamp", "2017-02-30 10:00:00"),
        ("timestamp", "2017-03-02 10:00:00 Europe/Paris"),
        ("timestamp", "infinity"),
        ("timestamp", "1488448800"),
        ("date", "2017-3-2"),
        ("date", "2017-03-02 10:00:00"),
        ("date", "2017-02-29"),
        ("boolean", "maybe"),
        ("boolean", "2"),
        ("integer", "1.5"),
        ("integer", "0x1F"),
        ("integer", "1_000"),
        ("integer", "3000000000"),
        ("bigint", "1e3"),
        ("double", "NaN"),
        ("double", "Infinity"),
        ("double", "-inf"),
        ("double", "1e400"),
        ("decimal(18,2)", "NaN"),
        ("decimal(18,2)", "Infinity"),
        ("decimal(18,2)", "1 000"),
        ("decimal(4,2)", "123.45"),
    ],
)
def test_text_that_is_not_of_the_type(landing: Landing, data_type: str, text: str) -> None:
    feed = make_feed([("id", "varchar"), ("x", data_type)], required=("id",))
    landing.add("a.csv", f"id,x\nr1,{text}\n".encode())
    assert landing.read(feed).refused_by_reason == {"type:x": 1}


def test_a_row_counts_once_under_its_first_problem(landing: Landing) -> None:
    landing.add("a.csv", HEADER + b",soon,x,other,\n" + b"r2,,1,other,\n" + line("r3"))
    reading = landing.read()
    assert (reading.accepted_count, reading.refused_count) == (1, 2)
    assert reading.refused_by_reason == {"missing:id": 1, "missing:sold_at": 1}
    assert refused(reading) == [
        (2, "missing:id"),
        (2, "type:sold_at"),
        (2, "type:amount"),
        (2, "allowed:arm"),
        (3, "missing:sold_at"),
        (3, "allowed:arm"),
    ]


@pytest.mark.parametrize(
    ("data_type", "bounds", "inside", "outside"),
    [
        ("integer", (1, 5), ["1", "5", "3.0", ""], ["0", "6", "-1"]),
        ("bigint", (0, None), ["0", "9007199254740993"], ["-1"]),
        ("double", (None, 0.5), ["0.5", "-1e300"], ["0.500001"]),
        ("decimal(4,2)", (0, 1), ["0", "1.00", "1.004"], ["1.01", "-0.01", "99.99"]),
        ("decimal(4,2)", (-1e30, 1000), ["-99.99", "99.99"], []),
        ("decimal(18,2)", (0.1, 10**40), ["0.10"], ["0.09"]),
    ],
)
def test_a_number_outside_its_range_is_refused(
    landing: Landing,
    data_type: str,
    bounds: tuple[Bound, Bound],
    inside: Sequence[str],
    outside: Sequence[str],
) -> None:
    feed = make_feed([("id", "varchar"), ("x", data_type)], required=("id",), ranges={"x": bounds})
    values = [*inside, *outside]
    landing.add("a.csv", ("id,x\n" + "".join(f"r,{value}\n" for value in values)).encode())
    reading = landing.read(feed)
    assert reading.accepted_count == len(inside)
    assert reading.refused_by_reason == ({"range:x": len(outside)} if outside else {})


def test_a_range_may_be_measured_with_other_columns(landing: Landing) -> None:
    columns = [("id", "varchar"), ("score", "decimal(9,4)"), ("low", "integer"), ("high", "double")]
    feed = make_feed(columns, required=("id",), ranges={"score": ("low", "high")})
    landing.add(
        "a.csv",
        b"id,score,low,high\nin,4.5,1,5\nlow,1,1,5\nhigh,5,1,5\n"
        b"no scale,99,,\nno score,,1,5\nhalf a scale,-7,,5\n"
        b"above,5.5,1,5\nbelow,0,1,\nturned round,3,5,1\n",
    )
    # a bound that cannot be read is refused by itself and binds nothing
    landing.add("b.jsonl", b'{"id": "r", "score": 99, "low": 1, "high": "many"}\n')
    reading = landing.read(feed)
    assert reading.accepted_count == 6
    assert refused(reading) == [
        (8, "range:score"),
        (9, "range:score"),
        (10, "range:score"),
        (1, "type:high"),
    ]
    assert rows(reading.quarantine, '"column"')[0] == ("score",)


def test_a_range_may_be_measured_with_a_column_that_the_file_does_not_have(
    landing: Landing,
) -> None:
    columns = [("id", "varchar"), ("score", "integer"), ("high", "integer")]
    feed = make_feed(columns, required=("id",), ranges={"score": (0, "high")})
    landing.add("a.csv", b"id,score\nr1,99\nr2,-1\n")
    reading = landing.read(feed)
    assert (reading.accepted_count, reading.refused_by_reason) == (1, {"range:score": 1})


def test_columns_of_the_contract_may_have_any_name(landing: Landing) -> None:
    names = [("order", "varchar"), ("line_number", "integer"), ("text", "varchar"), ("f", "date")]
    landing.add("a.csv", b"f,text,line_number,order\n2017-03-02,x,7,o1\n")
    landing.add_query("b.parquet", "select 'o2' as \"order\", 8 as line_number, 'y' as text")
    found = rows(landing.read(make_feed(names, required=("order",))).parquet)
    assert [row[:4] for row in found] == [("o1", 7, "x", date(2017, 3, 2)), ("o2", 8, "y", None)]


# files


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.parquet", b""),
        # without the time of day, which would be part of the test's name
        ("a.csv.gz", gzip.compress(HEADER + line("1") * 1000, mtime=0)[:-12]),
        ("a.csv.gz", gzip.compress(HEADER + line("1"), mtime=0)[:-8] + b"\0" * 8),
        ("a.csv.gz", HEADER + line("1")),
        ("a.jsonl.zst", b'{"id": 1}\n'),
        ("a.parquet", b"PAR1 and then nothing of use"),
        ("a.csv", b"\xff\xfe" + HEADER.decode().encode("utf-16-le")),
        ("a.csv", b"\n\n\n"),
    ],
)
def test_an_unreadable_file_refuses_the_day(landing: Landing, name: str, content: bytes) -> None:
    landing.add("b.csv", HEADER + line("1"))
    landing.add(name, content)
    reading = landing.read()
    assert reading.parquet is None and reading.accepted_count == 0
    assert reading.error is not None
    assert reading.error.startswith(f"offers.redemptions 2017-03-02: {name} ")
    assert "Nothing was loaded for this day; deliver it" in reading.error


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.9999])
@pytest.mark.parametrize("form", ["csv, compression gzip", "csv, compression zstd", "parquet"])
def test_a_file_cut_off_anywhere_refuses_the_day(landing: Landing, form: str, part: float) -> None:
    name = "a.parquet" if form == "parquet" else f"a.csv.{'gz' if 'gzip' in form else 'zst'}"
    select = (
        "select md5(i::varchar) as id, timestamp '2017-03-02' as sold_at from range(50000) t(i)"
    )
    whole = landing.add_query(name, select, f"(format {form})").read_bytes()
    assert landing.read().accepted_count == 50_000
    landing.files.clear()
    landing.add(name, whole[: int(len(whole) * part)])
    error = landing.read().error
    assert error is not None and name in error


def test_one_bad_file_in_a_batch_hurts_its_own_day_only(landing: Landing) -> None:
    days = [DAY + timedelta(i) for i in range(12)]
    for i, day in enumerate(days):
        landing.add("a.csv", HEADER + line(f"r{i}"), day)
        landing.add_query("b.parquet", f"select {i} as id, date '{day}' as sold_at", "", day)
    landing.add("c.csv", b"id,sold_at\nr1,2017-03-02\rr2,2017\n", days[3])
    damaged = landing.add_query(
        "d.parquet", "select i as id, now() as sold_at from range(9) t(i)", "", days[5]
    )
    content = bytearray(damaged.read_bytes())
    content[4:60] = os.urandom(56)  # the footer is whole, the pages are not
    damaged.write_bytes(content)
    landing.add("e.csv.gz", b"not gzip", days[7])
    readings = read_days(FEED, landing.files, landing.work)
    assert [r.day for r in readings] == days
    assert {r.day for r in readings if r.error} == {days[5], days[7]}
    assert "d.parquet" in str(readings[5].error)
    assert [r.accepted_count for r in readings] == [2, 2, 2, 2, 2, 0, 2, 0, 2, 2, 2, 2]


def test_an_unknown_ending_refuses_the_day_but_hidden_files_do_not(landing: Landing) -> None:
    landing.add("a.csv", HEADER + line("1"))
    landing.add(".a.csv.swp", b"junk")
    landing.add("_SUCCESS", b"")
    assert landing.read().error is None
    landing.add("notes.xlsx", b"junk")
    assert "notes.xlsx does not end in .csv" in str(landing.read().error)
    landing.files[DAY] = landing.files[DAY][1:3]
    assert "there is no file to read" in str(landing.read().error)


def test_files_without_rows_are_fine_and_noted(landing: Landing) -> None:
    landing.add("a.csv", HEADER)
    landing.add_query("b.parquet", "select 'x' as id, now() as sold_at where false")
    landing.add("c.jsonl", b"\n \n")
    reading = landing.read()
    assert reading.error is None and rows(reading.parquet) == []
    holds_none = [note for note in reading.notes if note.endswith("holds no rows.")]
    assert [note.split()[0] for note in holds_none] == ["a.csv", "b.parquet", "c.jsonl"]


def test_the_same_bytes_twice_are_read_once(landing: Landing) -> None:
    landing.add("b.csv", HEADER + line("1"))
    landing.add("a.csv", HEADER + line("1"))
    reading = landing.read()
    assert rows(reading.parquet, "_source_file") == [("a.csv",)]
    assert reading.notes == ("b.csv is the same as a.csv and was skipped.",)


# columns that are not as agreed: missing, extra, changed


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_missing_required_column_refuses_the_day(landing: Landing, name: str) -> None:
    options = "(format json)" if name == "a.jsonl" else ""
    landing.add_query(name, "select 'r1' as id, 'x' as note", options)
    reading = landing.read()
    assert f"missing column sold_at in {name}." in str(reading.error)
    assert "_offers__sources.yml" in str(reading.error)
    assert reading.parquet is None


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_optional_columns_may_be_missing_and_extra_ones_are_kept_out(
    landing: Landing, name: str
) -> None:
    options = "(format json)" if name == "a.jsonl" else ""
    landing.add_query(name, "select 9 as shelf, 'r1' as id, '2017-03-02' as sold_at", options)
    reading = landing.read()
    assert rows(reading.parquet, "id, amount, arm") == [("r1", None, None)]
    assert reading.notes == (f"{name}: extra column shelf was kept out.",)
    assert reading.missing_columns == ("amount", "arm", "note")


def test_a_column_named_twice_refuses_the_day(landing: Landing) -> None:
    landing.add("a.csv", b"id,sold_at,ID\nr1,2017-03-02,r2\n")
    assert "a.csv names column id twice" in str(landing.read().error)


def test_a_type_change_is_told_apart_from_bad_rows(landing: Landing) -> None:
    changed = b"".join(b"r%d,2017-03-02,1 EUR,,\n" % i for i in range(8))
    landing.add("a.csv", HEADER + changed + line("x") * 4)
    sentence = "Column amount no longer reads as decimal(18,2) (8 of 12 values)."
    assert sentence in landing.read().notes
    reading = landing.read(make_feed(max_reject_share=0.1))
    assert sentence in str(reading.error)
    landing.files.clear()
    landing.add("a.csv", HEADER + changed[:24] + line("x") * 14)
    assert not any("no longer reads" in note for note in landing.read().notes)


def test_days_of_one_batch_may_have_different_headers(landing: Landing) -> None:
    landing.add("a.csv", b"id,sold_at,note\nr1,2017-03-02,x\n")
    landing.add("a.csv", b"note,more,sold_at,id\ny,z,2017-03-03,r2\n", DAY + timedelta(1))
    readings = read_days(FEED, landing.files, landing.work)
    assert [rows(r.parquet, "id, note") for r in readings] == [[("r1", "x")], [("r2", "y")]]


# limits, sentences, secrets


def test_too_many_refused_rows_refuse_the_day_in_the_house_style(landing: Landing) -> None:
    bad = b"".join(b"r%d,soon,1,,\n" % i for i in range(214))
    good = b"".join(line(f"g{i}") for i in range(1688))
    landing.add("a.csv", HEADER + bad + good)
    reading = landing.read(make_feed(max_reject_share=0.01))
    assert reading.error == (
        "offers.redemptions 2017-03-02: 214 of 1,902 rows refused (11.3 %, limit 1 %): "
        "type:sold_at. Nothing was loaded for this day. See "
        "quarantine/offers/redemptions/2017-03-02.parquet; fix the file or raise "
        "max_reject_share in _offers__sources.yml."
    )
    assert reading.parquet is None
    assert len(rows(reading.quarantine)) == 214
    assert (reading.accepted_count, reading.refused_count) == (1688, 214)


def test_a_share_at_the_limit_is_good(landing: Landing) -> None:
    landing.add("a.csv", HEADER + b",2017-03-02,1,,\n" + line("1") * 99)
    reading = landing.read(make_feed(max_reject_share=0.01))
    assert reading.error is None and reading.accepted_count == 99


def test_sentences_never_hold_values(landing: Landing) -> None:
    secret = "jane.doe@example.com"
    landing.add("a.csv", HEADER + f"{secret},{secret},{secret},{secret},\n".encode() * 20)
    landing.add("b.csv", f"{secret},0612345678\n{secret},0612345679\n".encode(), DAY + timedelta(1))
    landing.add("c.csv", f"id,sold_at,{secret}\nr1,2017-03-02,x\n".encode(), DAY + timedelta(2))
    landing.add("d.jsonl", f'{{"id": "{secret}"}}\n'.encode(), DAY + timedelta(3))
    readings = read_days(make_feed(max_reject_share=0.0), landing.files, landing.work)
    assert [r.error is None for r in readings] == [False, False, True, False]
    said = " ".join(str(r.error) + str(r.notes) + str(r.refused_by_reason) for r in readings)
    assert secret not in said and "06123" not in said
    assert "c.csv: extra column number 3 was kept out." in said


@pytest.mark.parametrize(
    "name",
    ["it's.csv", 'a".csv', "a[1].csv", "a*.csv", "k=v.csv", "a; drop table x.csv", "é ü.csv"],
)
def test_file_and_header_names_are_only_names(landing: Landing, name: str) -> None:
    landing.add("a1.csv", HEADER + line("other"), DAY + timedelta(1))
    landing.add(name, b'id,"a""; drop table staged; --",sold_at,it\'s\nr1,x,2017-03-02,y\n')
    landing.add_query(
        name.replace(".csv", ".parquet").replace("'", ""),
        """select 'r2' as id, now() as sold_at, 1 as "a""; drop table staged; --" """,
    )
    readings = read_days(FEED, landing.files, landing.work)
    assert [r.accepted_count for r in readings] == [2, 1]
    assert (name, "r1") in rows(readings[0].parquet, "_source_file, id")


# same input, same output


def busy_landing(landing: Landing, days: Sequence[date]) -> None:
    for n, day in enumerate(days):
        content = b"".join(line(f"{n}-{i}", '"a\nb"' if i % 7 == 0 else "") for i in range(50))
        landing.add("a.csv.gz", gzip.compress(HEADER + content + b"bad,soon,1,,\n", mtime=0), day)
        landing.add("b.jsonl", b'{"id": "%d", "sold_at": "2017-03-02"}\noops\n' % n, day)
        landing.add_query("c.parquet", f"select 'p{n}' as id, date '{day}' as sold_at", "", day)


def test_a_day_gives_the_same_bytes_alone_and_in_a_batch(landing: Landing) -> None:
    days = [DAY + timedelta(i) for i in range(30)]
    busy_landing(landing, days)
    together = read_days(FEED, landing.files, landing.work)
    for reading in (together[0], together[17], together[29]):
        (alone,) = read_days(
            FEED, {reading.day: landing.files[reading.day][::-1]}, landing.work / "alone"
        )
        for one, other in (
            (alone.parquet, reading.parquet),
            (alone.quarantine, reading.quarantine),
        ):
            assert one is not None and other is not None and one.read_bytes() == other.read_bytes()
        assert (alone.version, alone.notes) == (reading.version, reading.notes)


def test_a_large_day_gives_the_same_bytes_alone_and_in_a_batch(landing: Landing) -> None:
    select = (
        "select md5((i * {})::varchar) as id, date '2017-03-02' as sold_at from range(300000) t(i)"
    )
    for i in range(3):
        landing.add_query("a.csv.gz", select.format(i + 1, 130_000), "", DAY + timedelta(i))
    together = read_days(FEED, landing.files, landing.work)[2]
    alone = read_days(FEED, {together.day: landing.files[together.day]}, landing.work / "alone")[0]
    assert together.parquet is not None and alone.parquet is not None
    assert together.parquet.read_bytes() == alone.parquet.read_bytes()


def test_data_and_version_do_not_depend_on_when_a_file_was_touched(landing: Landing) -> None:
    path = landing.add("a.csv", HEADER + line("1"))
    before = landing.read()
    data = rows(before.parquet)
    os.utime(path, ns=(1, 1))
    landing.files = {DAY: [LandedFile.of(path)]}
    after = landing.read()
    assert after.version == before.version and rows(after.parquet) == data


def test_the_version_follows_files_and_contract(landing: Landing) -> None:
    landing.add("a.csv", HEADER + line("1"))
    version = landing.read().version
    assert len(version) == 16 and int(version, 16) >= 0
    assert landing.read(make_feed(freshness={})).version == version
    others = {
        landing.read(make_feed(max_reject_share=0.5)).version,
        landing.read(make_feed(required=("id",))).version,
        landing.read(make_feed(allowed={})).version,
        landing.read(make_feed(ranges={"amount": (0, None)})).version,
        landing.read(make_feed(csv={"encoding": "latin-1"})).version,
    }
    landing.add("b.csv", HEADER + line("2"))
    others.add(landing.read().version)
    assert len(others | {version}) == 7


def test_the_footer_tells_where_rows_came_from(landing: Landing) -> None:
    path = landing.add("it's.csv", HEADER + line("1") + b"r2,soon,1,,\n")
    reading = landing.read()
    stat = path.stat()
    assert reading.parquet is not None and reading.quarantine is not None
    footer = read_footer(reading.parquet)
    assert footer is not None
    (file,) = footer.pop("files")
    assert len(file.pop("sha256")) == 64
    assert file == {"name": "it's.csv", "size": stat.st_size, "modified_ns": stat.st_mtime_ns}
    assert footer == {
        "version": reading.version,
        "accepted_count": 1,
        "refused_by_reason": {"type:sold_at": 1},
        "columns": {**{c.name: c.data_type for c in make_feed().columns}, **LINEAGE_TYPES},
        "notes": list(reading.notes),
        "missing_columns": list(reading.missing_columns),
        "error": None,
    }
    stranger = landing.add_query("stranger.parquet", "select 1 as x")
    broken = landing.add("broken.parquet", b"PAR1")
    found = footers([stranger, reading.parquet, broken, reading.quarantine])
    assert list(found) == [reading.parquet, reading.quarantine]
    assert footers([]) == {} and read_footer(stranger) is None


def test_nothing_is_written_outside_work(landing: Landing) -> None:
    busy_landing(landing, [DAY])
    landing.add("d.csv", b"id,sold_at\nr1,2017-03-02\r\nr2,2017-03-02\n")
    before = set(landing.root.rglob("*"))
    reading = landing.read()
    new = {path for path in landing.root.rglob("*") if path.is_file()} - before
    assert new == {reading.parquet, reading.quarantine}
    assert all(landing.work in path.parents for path in new)
