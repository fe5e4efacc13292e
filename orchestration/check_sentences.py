"""What each dbt test asks, as a sentence for whoever meets it in the Dagster UI.

Most tests are generic: what they ask follows from their arguments, so nobody has to write it down
again. A test that is a query of its own says it in the comment it begins with. Runs no test.
"""

import re
from collections.abc import Mapping
from typing import Any

_REF = re.compile(r"""(?:ref|source)\([^)]*['"]([^'"]+)['"]\s*\)""")
_CALL = re.compile(r"\{\{\s*(.+?)\s*\}\}")


def sentence(node: Mapping[str, Any]) -> str | None:
    """What a test node of dbt's manifest asks; None of a query that does not say it."""
    test = node.get("test_metadata")
    if not test:
        return _first_comment(node.get("raw_code") or "")
    given: Mapping[str, Any] = test.get("kwargs") or {}
    column = f"`{given.get('column_name')}`"
    match test["name"]:
        case "is_key":
            columns, optional = given["columns"], given.get("may_be_null") or []
            required = ", ".join(column for column in columns if column not in optional)
            rows = f" of `{_table(given['among'])}`" if given.get("among") else ""
            return (
                f"No two rows have the same `{', '.join(columns)}`{rows}; none lacks `{required}`."
            )
        case "holds":
            return f"`{_plain(given['condition'])}` holds of every row."
        case "adds_up_to_all":
            counts, keys = given["counts"], given.get("keys") or ["period_grain", "period_start"]
            return (
                f"`{', '.join(counts)}` of the segments of each type add up to those of `all`, "
                f"by `{', '.join(keys)}`."
            )
        case "not_null":
            return f"Every row has a {column}."
        case "accepted_values":
            return f"{column}, where given, is one of {', '.join(map(str, given['values']))}."
        case "relationships":
            return f"Every {column} is found in `{_table(given['to'])}.{given['field']}`."
        case "refers_to":
            table = _table(given["to"])
            return f"Every {column} is found in `{table}.{given['field']}`, unless that is empty."
    return None


def _first_comment(code: str) -> str | None:
    """The comment lines a query begins with, as one sentence."""
    lines = []
    for line in code.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.lstrip("- ").strip())
    said = " ".join(lines).rstrip(".")
    return f"{said[0].upper()}{said[1:]}." if said else None


def _plain(condition: str) -> str:
    """A condition on one line; what it calls stands there without its braces."""
    return " ".join(_CALL.sub(r"\1", condition).split())


def _table(reference: str) -> str:
    found = _REF.search(reference)
    return found.group(1) if found else reference
