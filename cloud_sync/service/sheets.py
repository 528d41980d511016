"""Documents as CSV: one row each, one column a field, and back without a loss.

Columns are the fields' names; a field that maps texts to texts has a column for each of its keys
(`names.en`); what else is nested stands in its cell as JSON. An empty cell is an absent field.
The first line names the columns, in any order. UTF-8, a byte order mark is tolerated.

A cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line break)
or that begins with an apostrophe itself is written with an apostrophe before it, which is taken
off again on the way in. Numbers are written as they are.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

CELL_CHARACTERS_MAX: Final = 1_000_000
_GUARDED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
_BOM: Final = "\ufeff"

Cell = str | int | float | None


class SheetMalformed(ValueError):
    """The text is not such a sheet; the message names line and column."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row as it was read: its line (the first has number 1) and what is in it."""

    line: int
    content: dict[str, object]


# ------------------------------------------------------------------ writing


def write_sheet(model: type[BaseModel], documents: Iterable[Mapping[str, object]]) -> str:
    """Documents as CSV, columns in the order of the model's fields."""
    rows = [_flat(model, document) for document in documents]
    columns = [
        column
        for field in model.model_fields
        for column in sorted({name for row in rows for name in row if _field_of(name) == field})
        or ([] if _is_map(model, field) else [field])
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return out.getvalue()


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Any table as CSV, guarded as documents are; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_guard(name) for name in columns])
    writer.writerows([_guard(it) if isinstance(it, str) else it for it in row] for row in rows)
    return out.getvalue()


def _flat(model: type[BaseModel], document: Mapping[str, object]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for field, value in document.items():
        if field not in model.model_fields:
            continue
        if _is_map(model, field) and isinstance(value, Mapping):
            cells.update({f"{field}.{key}": _guard(str(it)) for key, it in value.items()})
        elif isinstance(value, str):
            cells[field] = _guard(value)
        else:
            cells[field] = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return cells


def _guard(text: str) -> str:
    return f"'{text}" if text.startswith(_GUARDED) else text


# ------------------------------------------------------------------ reading


def read_sheet(model: type[BaseModel], text: str) -> Iterator[SheetRow]:
    """The rows of a sheet, values still as JSON has them. Raises SheetMalformed."""
    reader = csv.reader(io.StringIO(text.removeprefix(_BOM), newline=""), strict=True)
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    try:
        columns = next(reader, None)
        if columns is None:
            raise SheetMalformed("line 1: the names of the columns are missing")
        _check_columns(model, columns)
        for cells in reader:
            if not cells:
                continue
            line = reader.line_num
            if len(cells) != len(columns):
                raise SheetMalformed(
                    f"line {line}: {len(cells)} cells, the first line names {len(columns)}"
                )
            yield SheetRow(line, _nested(model, line, dict(zip(columns, cells, strict=True))))
    except csv.Error as error:
        raise SheetMalformed(f"line {reader.line_num}: {error}") from error


def _check_columns(model: type[BaseModel], columns: Sequence[str]) -> None:
    for column in columns:
        field = _field_of(column)
        if field not in model.model_fields:
            raise SheetMalformed(f"line 1: there is no column {column[:64]!r}")
        if _is_map(model, field) != ("." in column):
            raise SheetMalformed(f"line 1: {column[:64]!r} is not how {field} is written")
    if len(set(columns)) < len(columns):
        raise SheetMalformed("line 1: a column is named twice")


def _nested(model: type[BaseModel], line: int, cells: Mapping[str, str]) -> dict[str, object]:
    content: dict[str, object] = {}
    for column, cell in cells.items():
        if not cell:
            continue
        field, _, key = column.partition(".")
        if key:
            part = content.setdefault(field, {})
            if isinstance(part, dict):
                part[key] = cell.removeprefix("'")
        elif _is_text(model, field):
            content[field] = cell.removeprefix("'")
        else:
            content[field] = _value(line, column, cell)
    return content


def _value(line: int, column: str, cell: str) -> object:
    try:
        value: object = json.loads(cell, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SheetMalformed(f"line {line}: {column}: {cell[:64]!r} is no value") from error
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _field_of(column: str) -> str:
    return column.partition(".")[0]


def _is_map(model: type[BaseModel], field: str) -> bool:
    return _schema(model, field).get("type") == "object" and "properties" not in _schema(
        model, field
    )


def _is_text(model: type[BaseModel], field: str) -> bool:
    return _schema(model, field).get("type") == "string" or "enum" in _schema(model, field)


def _schema(model: type[BaseModel], field: str) -> Mapping[str, object]:
    """The JSON schema of a field, without the null that an optional one may be."""
    properties = _properties(model)
    schema = properties[field]
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        schema = next(it for it in choices if it.get("type") != "null")
    return {"type": "string"} if "const" in schema else schema


_KNOWN: dict[type[BaseModel], dict[str, dict[str, object]]] = {}


def _properties(model: type[BaseModel]) -> dict[str, dict[str, object]]:
    if model not in _KNOWN:
        _KNOWN[model] = model.model_json_schema()["properties"]
    return _KNOWN[model]
