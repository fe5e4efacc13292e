"""The rules of the house that a linter cannot know, each with a breach planted to prove it.

A rule is a function from the project's root to its breaches, each a sentence that names the file
and says what to do. What a tool can check (format, types, SQL style) is left to that tool.
"""

from __future__ import annotations

import ast
import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent

Rule = Callable[[Path], list[str]]

# A module imports only modules of the lines above its own. Add a new one where it belongs.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("settings",),
    ("feeds", "landed", "generations", "demo", "report", "event_storage", "calendar_seed"),
    ("reading",),
    ("checks", "check_sentences", "trust"),
    ("raw",),  # with its gate, which runs inside the asset
    ("runs",),
    ("ledger",),
    ("transform", "training"),
    ("publish", "explanation", "identity_review"),
    ("schedules",),
    ("definitions",),
    ("cli",),
)
# Free of the pipeline's ideas: anyone may import it, it imports settings at most.
FOR_ANYONE = {"progress"}
# Whom only these may import.
ONLY_BY = {
    "definitions": {"cli"},
    "demo": {"cli"},
    "event_storage": set[str](),
    "calendar_seed": set[str](),
}
# What imports settings and nothing else of ours.
SETTINGS_ONLY = {"demo", "event_storage", "calendar_seed"}

LEDGER = "source('ledger',"

STATIONS = ("staging", "identity", "customers", "traits", "kpis")
MART_STATIONS = ("identity", "customers", "traits", "kpis")
EMPTY_NAMES = {"common", "helper", "helpers", "lib", "misc", "util", "utils"}

ORDER_DEPENDENT = re.compile(
    r"\b(avg|mean|stddev\w*|variance|var_\w+|covar_\w+|corr|regr_\w+)\s*\(", re.IGNORECASE
)
CLOCK = re.compile(
    r"\b(?:current_date|current_timestamp|current_time|localtimestamp|getdate|sysdate"
    r"|run_started_at|modules\.datetime)\b"
    r"|\b(?:now|today|random|rand|uuid|gen_random_uuid)\s*\(",
    re.IGNORECASE,
)
SELECT_LIST = re.compile(
    r"\bselect\b(.*?)(?:\b(?:(?<!distinct )from|union|except|intersect)\b|\Z)",
    re.DOTALL | re.IGNORECASE,
)
STAR = re.compile(r"(?:^|,)\s*(?:distinct\s+)?(?:\w+\.)?\*", re.IGNORECASE)
JINJA = r"\{\{(?:'[^']*'|\"[^\"]*\"|[^'\"])*?\}\}|\{%.*?%\}"
PERSONAL_PATH = re.compile(r"(?<![\w.~}])/(?:work|root|home/\w+|Users/\w+)/")
PACKAGE_INDEX = re.compile(r"https?://[^\s]*(?:pypi|simple)|--(?:(?:extra-)?index-url|find-links)")
NOT_OURS = {".git", ".venv", "data", "target", "logs", "build", "__pycache__"}


# --- Python ---------------------------------------------------------------------------------------


def import_layers(root: Path) -> list[str]:
    """Imports go one way: each module of `orchestration` sees only the lines above its own."""
    height = {name: number for number, names in enumerate(LAYERS) for name in names}
    height.update(dict.fromkeys(FOR_ANYONE, 0))
    breaches = []
    for path in _python_files(root, "orchestration"):
        own = path.relative_to(root / "orchestration").parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        if own not in height:
            breaches.append(
                f"{_name(path, root)}: the module has no layer; add it to LAYERS in "
                "tests/test_house_rules.py."
            )
            continue
        for line, module in _imports(path, root):
            package, _, rest = module.partition(".")
            other = rest.partition(".")[0]
            if package != "orchestration" or not other or other == own:
                continue
            if not _may_import(own, other, height):
                breaches.append(
                    f"{_name(path, root)}:{line}: `{own}` imports `{other}`; imports go one way, "
                    "see LAYERS in tests/test_house_rules.py."
                )
    return breaches


def _may_import(own: str, other: str, height: Mapping[str, int]) -> bool:
    if other == "settings" or other not in height:
        return True
    if other in FOR_ANYONE:
        return own not in FOR_ANYONE | {"settings"}
    if own in FOR_ANYONE | SETTINGS_ONLY or own not in ONLY_BY.get(other, {own}):
        return False
    return height[other] < height[own]


def expectations_stand_alone(root: Path) -> list[str]:
    """`expectations` imports Great Expectations alone, and of ours only `checks` imports it."""
    allowed = {"expectations", "great_expectations"} | sys.stdlib_module_names
    breaches = [
        f"{_name(path, root)}:{line}: imports `{module}`; a suite imports only Great Expectations "
        "and the standard library."
        for path in _python_files(root, "expectations")
        for line, module in _imports(path, root)
        if module.partition(".")[0] not in allowed
    ]
    return breaches + [
        f"{_name(path, root)}:{line}: imports `{module}`; only orchestration/checks.py does."
        for path in _python_files(root, "orchestration")
        if path.name != "checks.py"
        for line, module in _imports(path, root)
        if module.partition(".")[0] == "expectations"
    ]


def modules_say_what_belongs(root: Path) -> list[str]:
    """Every module has a docstring."""
    return [
        f"{_name(path, root)}: has no docstring; say what belongs here, and what does not."
        for package in ("orchestration", "expectations")
        for path in _python_files(root, package)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]


def names_say_what_is_inside(root: Path) -> list[str]:
    """No file or folder has a name that fits anything."""
    return [
        f"{_name(path, root)}: `{part}` says nothing; name it for what is inside."
        for path in _text_files(root)
        for part in [*path.relative_to(root).parts[:-1], path.stem]
        if part in EMPTY_NAMES
    ]


# --- dbt ------------------------------------------------------------------------------------------


def model_and_yml_go_together(root: Path) -> list[str]:
    """Every model has a yml of its name beside it, about it alone; and every yml a model."""
    breaches = [
        f"{_name(path, root)}: the model has no {path.stem}.yml beside it."
        for path in _models(root)
        if not path.with_suffix(".yml").is_file()
    ]
    for path in _files(root, "dbt_project/models", ".yml"):
        if path.name.startswith("_"):
            continue
        if not path.with_suffix(".sql").is_file():
            breaches.append(f"{_name(path, root)}: there is no model {path.stem}.sql beside it.")
        described = [model.get("name") for model in _yml(path).get("models") or []]
        if described != [path.stem]:
            breaches.append(f"{_name(path, root)}: must describe `{path.stem}` and nothing else.")
    return breaches


def every_feed_has_a_staging_model(root: Path) -> list[str]:
    """Each feed of a contract is read by `stg_<source>__<table>.sql` in its source's folder."""
    breaches = []
    readers = _source_readers(root)
    for contract in sorted(root.glob("dbt_project/models/staging/*/_*__sources.yml")):
        for source in _yml(contract).get("sources") or []:
            for table in source.get("tables") or []:
                pair = (source["name"], table["name"])
                model = contract.parent / f"stg_{pair[0]}__{pair[1]}.sql"
                if not model.is_file():
                    breaches.append(
                        f"{_name(contract, root)}: feed {'.'.join(pair)} has no {model.name}."
                    )
                elif pair not in _feeds_read(model, readers):
                    breaches.append(
                        f"{_name(model, root)}: does not read source('{pair[0]}', '{pair[1]}')."
                    )
    return breaches


def only_staging_reads_sources(root: Path) -> list[str]:
    """No model of another station calls source(), be it through a macro; a dbt test may.

    The ledger is no feed: it is what identity wrote before, and only identity reads it.
    """
    readers = _source_readers(root)
    return [
        f"{_name(path, root)}:{_line(text, call)}: calls {call[1]}(); only staging reads sources, "
        "ref a staging model."
        for path in _models(root)
        if _station(path, root) != "staging"
        for text in [_without_comments(path.read_text(encoding="utf-8"))]
        for call in _calls(text, readers)
        if _station(path, root) != "identity" or not text.startswith(LEDGER, call.start())
    ]


def refs_go_downstream(root: Path) -> list[str]:
    """A model refs its own station, an earlier one, or a seed."""
    seeds = {path.stem for path in _files(root, "dbt_project/seeds", ".csv")}
    stations = {path.stem: _station(path, root) for path in _models(root)}
    breaches = []
    for path in _models(root):
        own = stations[path.stem]
        if own not in STATIONS:
            breaches.append(f"{_name(path, root)}: `{own}` is no station; use one of {STATIONS}.")
            continue
        for line, name in _refs(path):
            where = f"{_name(path, root)}:{line}: refs `{name}`"
            other = stations.get(name)
            if name in seeds:
                continue
            if other is None:
                breaches.append(f"{where}, which is neither a model nor a seed.")
            elif other in STATIONS and STATIONS.index(other) > STATIONS.index(own):
                breaches.append(f"{where} of {other}, which comes after {own}.")
    return breaches


def no_model_reads_the_clock(root: Path) -> list[str]:
    """The run's day is `as_of()`: same input, same output."""
    return [
        f"{_name(path, root)}:{_line(text, found)}: `{found[0].strip()}` differs from run to run; "
        "use {{ as_of() }}."
        for folder in ("models", "macros", "tests")
        for path in _files(root, f"dbt_project/{folder}", ".sql")
        for text in [_without_comments(path.read_text(encoding="utf-8"))]
        for found in CLOCK.finditer(text)
    ]


def personal_columns_stay_in_the_vault(root: Path) -> list[str]:
    """A feed with personal columns is staged in the schema `vault`."""
    breaches = []
    for path in _files(root, "dbt_project/models/staging", "__sources.yml"):
        for source in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("sources", []):
            for table in source["tables"]:
                metas = [
                    (column.get("config") or {}).get("meta") or {}
                    for column in table.get("columns", [])
                ]
                if not any(meta.get("pii", "none") != "none" for meta in metas):
                    continue
                model = path.parent / f"stg_{source['name']}__{table['name']}.sql"
                text = model.read_text(encoding="utf-8") if model.is_file() else ""
                if not re.search(r"schema\s*=\s*'vault'", text):
                    breaches.append(
                        f"{_name(model, root)}: {source['name']}.{table['name']} has personal "
                        "columns; stage it with config(schema='vault')."
                    )
    return breaches


def no_model_adds_up_doubles(root: Path) -> list[str]:
    """Doubles added in another order differ in the last digit: same input, other output."""
    return [
        f"{_name(path, root)}:{_line(text, found)}: `{found[1]}` depends on the order of the rows; "
        "calculate it from exact sums of decimals and counts."
        for path in _files(root, "dbt_project/models", ".sql")
        for text in [_without_comments(path.read_text(encoding="utf-8"))]
        for found in ORDER_DEPENDENT.finditer(text)
    ]


def marts_name_their_columns(root: Path) -> list[str]:
    """No mart ends in `select *`."""
    return [
        f"{_name(path, root)}:{_line(outermost, select)}: `select *` into a mart; name its columns."
        for path in _marts(root)
        for outermost in [_outermost(_plain_sql(path))]
        for select in SELECT_LIST.finditer(outermost)
        if STAR.search(select[1])
    ]


def no_quoted_names(root: Path) -> list[str]:
    """No `"name"` in SQL: Spark reads it as a text."""
    return [
        f'{_name(path, root)}:{_line(text, found)}: a "double quoted" name is a text on Spark; '
        "choose a name that needs no quotes."
        for path in _models(root)
        for text in [_plain_sql(path)]
        for found in re.finditer('"', text)
    ]


def marts_describe_their_columns(root: Path) -> list[str]:
    """A mart has a description, and each of its columns a type and a description."""
    breaches = []
    for path in _marts(root):
        yml = path.with_suffix(".yml")
        if not yml.is_file():
            continue  # another rule's breach
        for model in _yml(yml).get("models") or []:
            columns = model.get("columns") or []
            if not model.get("description") or not columns:
                breaches.append(f"{_name(yml, root)}: the mart lacks its description or columns.")
            breaches.extend(
                f"{_name(yml, root)}: column `{column.get('name')}` has no {key}."
                for column in columns
                for key in ("data_type", "description")
                if not str(column.get(key) or "").strip()
            )
    return breaches


def traits_and_kpis_follow_their_recipe(root: Path) -> list[str]:
    """A trait or KPI has a unit test and its place in the one wide table of its station."""
    breaches: list[str] = []
    for station, prefix, collector in (
        ("traits", "trait_", "customer_traits"),
        ("kpis", "kpi_", "kpi_values"),
    ):
        paths = {path.stem: path for path in _models(root) if _station(path, root) == station}
        collected = {name for _, name in _refs(paths[collector])} if collector in paths else None
        for name, path in paths.items():
            if not name.startswith(prefix) or name == collector:
                continue
            yml = path.with_suffix(".yml")
            if yml.is_file() and not _yml(yml).get("unit_tests"):
                breaches.append(f"{_name(yml, root)}: `{name}` has no unit test.")
            if collected is not None and name not in collected:
                breaches.append(f"{_name(paths[collector], root)}: does not ref `{name}`.")
    return breaches


def kpis_are_in_the_catalogue(root: Path) -> list[str]:
    """`kpi_values` and `seeds/kpi_catalogue.csv` name the same KPIs."""
    values = root / "dbt_project/models/kpis/kpi_values.sql"
    catalogue = root / "dbt_project/seeds/kpi_catalogue.csv"
    if not values.is_file() or not catalogue.is_file():
        return []
    with catalogue.open(encoding="utf-8", newline="") as file:
        documented = {row["kpi"] for row in csv.DictReader(file)}
    text = _without_comments(values.read_text(encoding="utf-8"))
    literals = set(re.findall(r"'(\w+)'", text))
    named = set(re.findall(r"'(\w+)'\s+as\s+kpi\b", text))
    named |= set(
        re.findall(r"kpi_rows\(\s*(?:ref\([^)]*\)|\w+)\s*,\s*(?:kpi\s*=\s*)?'(\w+)'", text)
    )
    return [
        f"{_name(values, root)}: kpi `{kpi}` has no row in {_name(catalogue, root)}."
        for kpi in sorted(named - documented)
    ] + [
        f"{_name(catalogue, root)}: kpi `{kpi}` is not in {_name(values, root)}."
        for kpi in sorted(documented - literals)
    ]


def kpis_are_explained(root: Path) -> list[str]:
    """`docs/kpis.md` has a heading for every mart of the KPIs, and names every KPI."""
    explained = root / "docs/kpis.md"
    catalogue = root / "dbt_project/seeds/kpi_catalogue.csv"
    if not explained.is_file() or not catalogue.is_file():
        return []
    text = explained.read_text(encoding="utf-8")
    headings = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^#.*", text, re.MULTILINE))))
    named = set(re.findall(r"`(\w+)`", text))
    with catalogue.open(encoding="utf-8", newline="") as file:
        kpis = [row["kpi"] for row in csv.DictReader(file)]
    marts = [path.stem for path in _marts(root) if _station(path, root) == "kpis"]
    return [
        f"{_name(explained, root)}: no heading names the mart `{mart}`."
        for mart in marts
        if mart not in headings and mart != "kpi_values"
    ] + [
        f"{_name(explained, root)}: the kpi `{kpi}` of {_name(catalogue, root)} is not explained."
        for kpi in kpis
        if kpi not in named
    ]


# --- any file -------------------------------------------------------------------------------------


def nothing_ties_us_to_one_machine(root: Path) -> list[str]:
    """No path of one person's machine and no package index in any file."""
    breaches: list[str] = []
    for path in _text_files(root):
        text = path.read_text(encoding="utf-8", errors="replace")  # fixtures may be latin-1
        for pattern, what in (
            (PERSONAL_PATH, "a path of one machine"),
            (PACKAGE_INDEX, "a package index"),
        ):
            breaches.extend(
                f"{_name(path, root)}:{_line(text, found)}: `{found[0]}` names {what}; "
                "leave it to the environment."
                for found in pattern.finditer(text)
            )
    return breaches


# --- the tests ------------------------------------------------------------------------------------


def test_imports_go_one_way() -> None:
    _holds(import_layers)


def test_expectations_stand_alone() -> None:
    _holds(expectations_stand_alone)


def test_modules_say_what_belongs_in_them() -> None:
    _holds(modules_say_what_belongs)


def test_names_say_what_is_inside() -> None:
    _holds(names_say_what_is_inside)


def test_model_and_yml_go_together() -> None:
    _holds(model_and_yml_go_together)


def test_every_feed_has_a_staging_model() -> None:
    _holds(every_feed_has_a_staging_model)


def test_only_staging_reads_sources() -> None:
    _holds(only_staging_reads_sources)


def test_refs_go_downstream() -> None:
    _holds(refs_go_downstream)


def test_no_model_reads_the_clock() -> None:
    _holds(no_model_reads_the_clock)


def test_personal_columns_stay_in_the_vault() -> None:
    _holds(personal_columns_stay_in_the_vault)


def test_no_model_adds_up_doubles() -> None:
    _holds(no_model_adds_up_doubles)


def test_marts_name_their_columns() -> None:
    _holds(marts_name_their_columns)


def test_no_quoted_names() -> None:
    _holds(no_quoted_names)


def test_marts_describe_their_columns() -> None:
    _holds(marts_describe_their_columns)


def test_traits_and_kpis_follow_their_recipe() -> None:
    _holds(traits_and_kpis_follow_their_recipe)


def test_kpis_are_in_the_catalogue() -> None:
    _holds(kpis_are_in_the_catalogue)


def test_kpis_are_explained() -> None:
    _holds(kpis_are_explained)


def test_nothing_ties_us_to_one_machine() -> None:
    _holds(nothing_ties_us_to_one_machine)


def _holds(rule: Rule) -> None:
    breaches = rule(ROOT)
    if breaches:
        pytest.fail("\n".join(breaches), pytrace=False)


# Each: a rule, a small project, and what the breach says; without words the project is fine.
CONTRACT = "dbt_project/models/staging/pos/_pos__sources.yml"
RECEIPTS = "sources: [{name: pos, tables: [{name: receipts}]}]"
STAGING = "dbt_project/models/staging/pos/stg_pos__receipts"
TRAIT = "dbt_project/models/traits/trait_rhythm"
KPIS = "dbt_project/models/kpis"
READER = "{% macro newest(s, t) %} select * from {{ source(s, t) }} {% endmacro %}"
PLANTED: list[tuple[Rule, dict[str, str], str]] = [
    (import_layers, {"orchestration/feeds.py": "from orchestration import raw"}, "feeds.py:1"),
    (import_layers, {"orchestration/feeds.py": "import orchestration.reading as r"}, "feeds.py:1"),
    (import_layers, {"orchestration/feeds.py": "from .reading import read"}, "feeds.py:1"),
    (import_layers, {"orchestration/feeds.py": "def f():\n from . import cli"}, "feeds.py:2"),
    (import_layers, {"orchestration/checks.py": "from orchestration import raw"}, "`raw`"),
    (import_layers, {"orchestration/raw.py": "from orchestration import definitions"}, "raw.py"),
    (import_layers, {"orchestration/demo/real.py": "from orchestration import feeds"}, "real.py"),
    (import_layers, {"orchestration/raw.py": "from orchestration.demo import real"}, "`demo`"),
    (import_layers, {"orchestration/progress.py": "from orchestration import feeds"}, "progress"),
    (import_layers, {"orchestration/settings.py": "from orchestration import feeds"}, "settings"),
    (import_layers, {"orchestration/surprise.py": ""}, "surprise.py: the module has no layer"),
    (import_layers, {"orchestration/raw.py": "from orchestration import checks, reading"}, ""),
    (import_layers, {"orchestration/cli.py": "from orchestration.demo import real"}, ""),
    (import_layers, {"orchestration/demo/real.py": "from orchestration import settings"}, ""),
    (import_layers, {"orchestration/feeds.py": "from orchestration import progress"}, ""),
    (expectations_stand_alone, {"expectations/raw.py": "import duckdb"}, "raw.py:1"),
    (expectations_stand_alone, {"expectations/raw.py": "from orchestration import feeds"}, "feeds"),
    (expectations_stand_alone, {"orchestration/raw.py": "from expectations import raw"}, "raw.py"),
    (expectations_stand_alone, {"expectations/raw.py": "import great_expectations.core"}, ""),
    (expectations_stand_alone, {"orchestration/checks.py": "import expectations"}, ""),
    (modules_say_what_belongs, {"expectations/raw.py": "x = 1"}, "raw.py: has no docstring"),
    (names_say_what_is_inside, {"orchestration/utils.py": ""}, "`utils`"),
    (names_say_what_is_inside, {"tests/helpers/made.py": ""}, "`helpers`"),
    (model_and_yml_go_together, {f"{STAGING}.sql": ""}, "no stg_pos__receipts.yml"),
    (model_and_yml_go_together, {f"{STAGING}.yml": "models: [{name: x}]"}, "no model"),
    (
        model_and_yml_go_together,
        {f"{STAGING}.sql": "", f"{STAGING}.yml": "models: [{name: x}]"},
        "must describe",
    ),
    (every_feed_has_a_staging_model, {CONTRACT: RECEIPTS}, "has no stg_pos__receipts.sql"),
    (
        every_feed_has_a_staging_model,
        {CONTRACT: RECEIPTS, f"{STAGING}.sql": "select 1 -- {{ source('pos', 'receipts') }}"},
        "does not read",
    ),
    (
        every_feed_has_a_staging_model,
        {CONTRACT: RECEIPTS, f"{STAGING}.sql": "{{ source('pos', 'lines') }}"},
        "does not read",
    ),
    (
        every_feed_has_a_staging_model,
        {
            CONTRACT: RECEIPTS,
            f"{STAGING}.sql": "{{ newest('pos', 'receipts') }}",
            "dbt_project/macros/newest.sql": READER,
        },
        "",
    ),
    (only_staging_reads_sources, {f"{TRAIT}.sql": "{{ source('pos', 'receipts') }}"}, "rhythm"),
    (
        only_staging_reads_sources,
        {
            f"{TRAIT}.sql": "\n{{ newest('pos', 'receipts') }}",
            "dbt_project/macros/newest.sql": READER,
        },
        "trait_rhythm.sql:2: calls newest()",
    ),
    (only_staging_reads_sources, {f"{STAGING}.sql": "{{ source('pos', 'receipts') }}"}, ""),
    (only_staging_reads_sources, {f"{TRAIT}.sql": "{{ source('ledger', 'changes') }}"}, "rhythm"),
    (
        only_staging_reads_sources,
        {"dbt_project/models/identity/x.sql": "{{ source('pos', 'receipts') }}"},
        "identity/x.sql",
    ),
    (
        only_staging_reads_sources,
        {"dbt_project/models/identity/x.sql": "{{ source('ledger', 'changes') }}"},
        "",
    ),
    (
        refs_go_downstream,
        {f"{STAGING}.sql": "{{ ref('trait_rhythm') }}", f"{TRAIT}.sql": ""},
        "which comes after staging",
    ),
    (refs_go_downstream, {f"{TRAIT}.sql": "{{ ref('nowhere') }}"}, "neither a model nor a seed"),
    (refs_go_downstream, {"dbt_project/models/marts/x.sql": ""}, "`marts` is no station"),
    (
        refs_go_downstream,
        {
            f"{STAGING}.sql": "",
            f"{TRAIT}.sql": "{{ ref('stg_pos__receipts') }} {{ ref(\"words\") }}",
            "dbt_project/seeds/words.csv": "word",
        },
        "",
    ),
    (no_model_reads_the_clock, {f"{TRAIT}.sql": "select\n current_date"}, "trait_rhythm.sql:2"),
    (no_model_reads_the_clock, {f"{TRAIT}.sql": "select NOW ()"}, "as_of()"),
    (no_model_reads_the_clock, {f"{TRAIT}.sql": "{{ dbt.current_timestamp() }}"}, "as_of()"),
    (no_model_reads_the_clock, {"dbt_project/macros/x.sql": "getdate()"}, "macros/x.sql"),
    (
        no_model_reads_the_clock,
        {f"{TRAIT}.sql": "-- never now()\nselect is_known(1), current_date_of_sale"},
        "",
    ),
    (
        personal_columns_stay_in_the_vault,
        {
            "dbt_project/models/staging/crm/_crm__sources.yml": (
                "sources: [{name: crm, tables: [{name: contacts, columns: "
                "[{name: email, config: {meta: {pii: email}}}]}]}]"
            ),
            "dbt_project/models/staging/crm/stg_crm__contacts.sql": "select 1",
        },
        "stg_crm__contacts.sql",
    ),
    (no_model_adds_up_doubles, {f"{TRAIT}.sql": "select\n avg(x)"}, "trait_rhythm.sql:2"),
    (no_model_adds_up_doubles, {f"{TRAIT}.sql": "select STDDEV_SAMP (x)"}, "exact sums"),
    (no_model_adds_up_doubles, {f"{TRAIT}.sql": "select sum(x) as avg_amount -- avg(x)"}, ""),
    (marts_name_their_columns, {f"{TRAIT}.sql": "with a as (select 1)\nselect * from a"}, "sql:2"),
    (marts_name_their_columns, {f"{TRAIT}.sql": "select x is distinct from y, * from a"}, "*"),
    (marts_name_their_columns, {f"{TRAIT}.sql": "select b.x, a.* from a"}, "select *"),
    (marts_name_their_columns, {f"{TRAIT}.sql": "select 1 union all select * from a"}, "select *"),
    (
        marts_name_their_columns,
        {f"{TRAIT}.sql": "with a as (select * from b)\nselect count(*), x * 2 as y from a"},
        "",
    ),
    (marts_name_their_columns, {f"{STAGING}.sql": "select * from a"}, ""),
    (no_quoted_names, {f"{TRAIT}.sql": 'select\n1 as "Total"'}, "trait_rhythm.sql:2"),
    (no_quoted_names, {f"{TRAIT}.sql": "{{ config(post_hook=\"{{ x('a') }}\") }} select 1"}, ""),
    (no_quoted_names, {f"{TRAIT}.sql": 'select {{ var("x") }}, \'"\' -- "that"'}, ""),
    (
        marts_describe_their_columns,
        {f"{TRAIT}.sql": "", f"{TRAIT}.yml": "models: [{name: trait_rhythm}]"},
        "lacks its description",
    ),
    (
        marts_describe_their_columns,
        {
            f"{TRAIT}.sql": "",
            f"{TRAIT}.yml": (
                "models: [{name: trait_rhythm, description: d, "
                "columns: [{name: x, data_type: varchar}]}]"
            ),
        },
        "column `x` has no description",
    ),
    (
        marts_describe_their_columns,
        {
            f"{TRAIT}.sql": "",
            f"{TRAIT}.yml": (
                "models: [{name: trait_rhythm, description: d, "
                "columns: [{name: x, description: d}]}]"
            ),
        },
        "column `x` has no data_type",
    ),
    (
        traits_and_kpis_follow_their_recipe,
        {f"{TRAIT}.sql": "", f"{TRAIT}.yml": "models: [{name: trait_rhythm}]"},
        "no unit test",
    ),
    (
        traits_and_kpis_follow_their_recipe,
        {f"{KPIS}/kpi_nps.sql": "", f"{KPIS}/kpi_values.sql": "select 1"},
        "does not ref `kpi_nps`",
    ),
    (
        kpis_are_in_the_catalogue,
        {
            f"{KPIS}/kpi_values.sql": "{{ kpi_rows(ref('kpi_nps'), 'nps', 'nps', 'n') }}",
            "dbt_project/seeds/kpi_catalogue.csv": "kpi,name\n",
        },
        "kpi `nps` has no row",
    ),
    (
        kpis_are_in_the_catalogue,
        {
            f"{KPIS}/kpi_values.sql": "select 'csat' as kpi",
            "dbt_project/seeds/kpi_catalogue.csv": "kpi,name\nnps,NPS\n",
        },
        "kpi `nps` is not in",
    ),
    (
        kpis_are_explained,
        {
            "docs/kpis.md": "# NPS (`kpi_nps`)\n`nps`",
            "dbt_project/seeds/kpi_catalogue.csv": "kpi,name\ncsat_mean,CSAT\n",
        },
        "the kpi `csat_mean`",
    ),
    (
        kpis_are_explained,
        {
            "docs/kpis.md": "# NPS\n`kpi_nps`",
            f"{KPIS}/kpi_nps.sql": "",
            "dbt_project/seeds/kpi_catalogue.csv": "kpi,name\n",
        },
        "no heading names the mart `kpi_nps`",
    ),
    (nothing_ties_us_to_one_machine, {"README.md": "cd " + "/work" + "/main"}, "one machine"),
    (nothing_ties_us_to_one_machine, {".ci/run": "x=" + "/home" + "/ann/x"}, ".ci/run:1"),
    (nothing_ties_us_to_one_machine, {"a.txt": "https:" + "//pypi.example.org/"}, "index"),
    (nothing_ties_us_to_one_machine, {"a.txt": "https:" + "//example.org/simple"}, "index"),
    (
        nothing_ties_us_to_one_machine,
        {"a.txt": "https://example.org/home/x/ ~/work/ data/.work/"},
        "",
    ),
]


@pytest.mark.parametrize(
    ("rule", "files", "words"),
    PLANTED,
    ids=[f"{rule.__name__}-{words or 'fine'}" for rule, _, words in PLANTED],
)
def test_a_planted_breach_is_found(
    rule: Rule, files: dict[str, str], words: str, tmp_path: Path
) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    breaches = rule(tmp_path)
    if words:
        assert [breach for breach in breaches if words in breach], breaches
    else:
        assert not breaches


# --- reading the project --------------------------------------------------------------------------


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _line(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1


def _files(root: Path, folder: str, ending: str) -> list[Path]:
    return sorted(path for path in (root / folder).rglob("*") if path.name.endswith(ending))


def _text_files(root: Path) -> Iterator[Path]:
    """Every text file that is or would be under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        # a folder inside somebody else's checkout is not a checkout
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)},
    )
    if listed.returncode == 0:
        paths = [root / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [
            path
            for path in root.rglob("*")
            if not NOT_OURS.intersection(path.relative_to(root).parts)
        ]
    for path in sorted(paths):
        if path.is_file() and b"\0" not in path.read_bytes():
            yield path


def _python_files(root: Path, package: str) -> list[Path]:
    return _files(root, package, ".py")


def _imports(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a module imports, anywhere in it."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def _models(root: Path) -> list[Path]:
    return _files(root, "dbt_project/models", ".sql")


def _marts(root: Path) -> list[Path]:
    return [
        path
        for path in _models(root)
        if _station(path, root) in MART_STATIONS and not path.name.startswith("int_")
    ]


def _station(path: Path, root: Path) -> str | None:
    parts = path.relative_to(root / "dbt_project").parts
    return parts[1] if parts[0] == "models" else None


def _yml(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def _refs(path: Path) -> list[tuple[int, str]]:
    text = _without_comments(path.read_text(encoding="utf-8"))
    pattern = r"\bref\(\s*(?:['\"]\w+['\"]\s*,\s*)?['\"](\w+)['\"]\s*\)"
    return [(_line(text, found), found[1]) for found in re.finditer(pattern, text)]


def _source_readers(root: Path) -> set[str]:
    """`source` and every macro that calls it, directly or through another."""
    bodies: dict[str, str] = {}
    for path in _files(root, "dbt_project/macros", ".sql"):
        text = _without_comments(path.read_text(encoding="utf-8"))
        for found in re.finditer(r"\{%-?\s*macro\s+(\w+)\((.*?)\{%-?\s*endmacro", text, re.DOTALL):
            bodies[found[1]] = found[2]
    readers = {"source"}
    while more := {name for name, body in bodies.items() if _calls(body, readers)} - readers:
        readers |= more
    return readers


def _calls(text: str, names: set[str]) -> list[re.Match[str]]:
    return list(re.finditer(rf"\b({'|'.join(sorted(names))})\(", text))


def _feeds_read(path: Path, readers: set[str]) -> set[tuple[str, str]]:
    text = _without_comments(path.read_text(encoding="utf-8"))
    arguments = r"\(\s*['\"](\w+)['\"]\s*,\s*['\"](\w+)['\"]"
    pattern = rf"\b(?:{'|'.join(sorted(readers))}){arguments}"
    return {(found[1], found[2]) for found in re.finditer(pattern, text)}


def _blank(text: str, pattern: str, *, keep: str = "") -> str:
    """`text` with what matches turned into spaces, its lines where they were."""

    def spaces(found: re.Match[str]) -> str:
        if keep and found[0].startswith(tuple(keep)):
            return found[0]
        return re.sub(r"[^\n]", " ", found[0])

    return re.sub(pattern, spaces, text, flags=re.DOTALL)


def _without_comments(text: str) -> str:
    strings = r"'[^']*'|\"[^\"\n]*\""
    return _blank(text, rf"\{{#.*?#\}}|/\*.*?\*/|--[^\n]*|{strings}", keep="'\"")


def _plain_sql(path: Path) -> str:
    """A model without comments, Jinja and texts."""
    text = _without_comments(path.read_text(encoding="utf-8"))
    return _blank(_blank(text, JINJA), r"'[^']*'")


def _outermost(sql: str) -> str:
    """What stands in no parentheses."""
    depth, kept = 0, []
    for character in sql:
        depth -= character == ")"
        kept.append(character if depth == 0 or character == "\n" else " ")
        depth += character == "("
    return "".join(kept)
