"""The API's description as one page without scripts, so that it also opens without a network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h2{margin-top:2rem}code,pre{background:#f3f4f6;border-radius:4px;padding:.1em .3em}"
    "pre{padding:.6em;overflow:auto}.verb{display:inline-block;min-width:3.5rem;font-weight:700}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}code,pre{background:#222}}"
)
_INTRODUCTION: Final = (
    "<p>Every call but <code>/healthz</code> takes <code>Authorization: Bearer TOKEN</code>. "
    "Errors are <code>{&quot;error&quot;:{&quot;code&quot;,&quot;message&quot;}}</code>. "
    "The same for programs: <a href=/openapi.json>/openapi.json</a>.</p>"
)


def render_page(schema: Mapping[str, object]) -> str:
    """HTML of an OpenAPI document: each operation, what it takes and what it says."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>Forepost cloud</title><style>{_STYLE}</style>",
        "<h1>Forepost cloud</h1>",
        _INTRODUCTION,
    ]
    for path, operations in _mapping(schema.get("paths")).items():
        for verb, operation in _mapping(operations).items():
            parts.append(_operation(path, verb, _mapping(operation)))
    return "".join(parts)


def _operation(path: str, verb: str, operation: Mapping[str, object]) -> str:
    about = escape(str(operation.get("description", "")))
    parts = [
        f"<h2><span class=verb>{escape(verb.upper())}</span> <code>{escape(path)}</code></h2>",
        f"<p>{about}</p>",
    ]
    parameters = operation.get("parameters")
    if isinstance(parameters, list) and parameters:
        rows = "".join(f"<li>{_parameter(_mapping(it))}</li>" for it in parameters)
        parts.append(f"<ul>{rows}</ul>")
    body = _mapping(_mapping(operation.get("requestBody")).get("content"))
    fields = _mapping(_mapping(_mapping(body.get("application/json")).get("schema"))).get(
        "properties"
    )
    if fields:
        names = ", ".join(f"<code>{escape(name)}</code>" for name in _mapping(fields))
        parts.append(f"<p>Body: {names}</p>")
    return "".join(parts)


def _parameter(parameter: Mapping[str, object]) -> str:
    name, place = escape(str(parameter.get("name"))), escape(str(parameter.get("in")))
    default = _mapping(parameter.get("schema")).get("default")
    tail = "" if default is None else f", default {escape(str(default))}"
    return f"<code>{name}</code> ({place}{tail})"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
