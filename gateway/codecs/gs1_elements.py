# tidy: table
"""GS1 element strings: application identifiers, their formats, and which go together.

    element string   AI value [GS] AI value …   GS (U+001D) ends every value whose length the
                     AI's first two digits do not fix, unless it is the last
    format           n digits, x character set 82, y set 39, z set 64; `n6` exactly six, `n..8`
                     one to eight, `[…]` may be missing; after a colon the rules of gs1_rules

Source: GS1 General Specifications, figure 3.2-1 (identifiers and formats), 7.8.5 (fixed lengths),
4.13 and 4.14 (which elements exclude or need each other). Held to the GS1 Barcode Syntax
Dictionary by a test. Two elements are checked for characters and length only: the North American
coupons 8110 and 8112, which no warehouse books by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.codecs.gs1_rules import CHARACTERS, KEYS, RULES, Rule
from gateway.core.readings import Flaw

GS: Final = "\x1d"

FIXED_LENGTH: Final = frozenset(
    {"00", "01", "02", "03", "04", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20"}
    | {"31", "32", "33", "34", "35", "36", "41"}
)
"""First two digits of the identifiers that need no GS (7.8.5)."""

Element = tuple[str, str]
"""Application identifier and value."""


class ElementsRefused(ValueError):
    """Text that is no element string, and what is wrong with it."""

    def __init__(self, key: str, text: str, *, where: str = "", shown: str = "") -> None:
        super().__init__(text)
        self.flaw = Flaw(key, text, where, shown)


_FORMATS: Final = """
00            n18:check,prefix2
01 02         n14:check,prefix2
03            n14:check,prefix2
10            x..20
11 12 13 15 16 17   n6:yymmd0
20            n2
21 22         x..20
235           x..28
240 241       x..30
242           n..6
243           x..20
250 251       x..30
253           n13:check,prefix [x..17]
254           x..20
255           n13:check,prefix [n..12]
30 37         n..8
3100-3165/6 3200-3375/6 3400-3575/6 3600-3695/6   n6
3900-3909     n..15
3910-3919     n3:currency n..15
3920-3929     n..15
3930-3939     n3:currency n..15
3940-3943     n4
3950-3955     n6
400           x..30
401           x..30:prefix
402           n17:check,prefix
403           x..30
410-417       n13:check,prefix
420           x..20
421           n3:country x..9
422 424 426   n3:country
423 425       n3:country [n3:country] [n3:country] [n3:country] [n3:country]
427           x..3
4300 4301 4310 4311 4320   x..35:percent
4302-4306 4312-4316        x..70:percent
4307 4317     x2:alpha2
4308          x..30
4309          n10:latitude n10:longitude
4318          x..20
4319          x..30
4321-4323     n1:yesno
4324 4325     n6:yymmd0 n4:hhmm
4326          n6:yymmdd
4330-4333     n6 [x1:hyphen]
7001          n13
7002          x..30
7003          n6:yymmdd n4:hhmm
7004          n..4
7005          x..12
7006          n6:yymmdd
7007          n6:yymmdd [n6:yymmdd]
7008          x..3
7009          x..10
7010          x..2
7011          n6:yymmdd [n4:hhmm]
7020-7022     x..20
7023          x..30:prefix
7030-7039     n3:country999 x..27
7040          n1 x1 x1 x1:index
7041          x..4
710-717       x..20
7230-7239     x2 x..28
7240          x..20
7241          n2:media
7242          x..25
7250          n8:yyyymmdd
7251          n8:yyyymmdd n4:hhmm
7252          n1:sex
7253 7254     x..40:percent
7255          x..10
7256          x..90:percent
7257          x..70:percent
7258          x3:position
7259          x..40:percent
8001          n4:nonzero n5:nonzero n3:nonzero n1:winding n1
8002          x..20
8003          n1:zero n13:check,prefix [x..16]
8004          x..30:prefix
8005          n6
8006 8026     n14:check,prefix2 n4:pieces
8007          x..34:iban
8008          n6:yymmdd n2:hh [n2:mm] [n2:ss]
8009          x..50
8010          y..30:prefix
8011          n..12:nozeroprefix
8012          x..20
8013          x..25:pair,prefix
8014          x..25:pair,prefix,nondigit
8017 8018     n18:check,prefix
8019          n..10
8020          x..25
8030          z..90:padding
8040 8041     n15
8042          n32
8043          n18 [n..2]
8110 8112     x..70
8111          n4
8200          x..70
90            x..30
91-99         x..90
"""

_EXCLUDES: Final = """
01 255 37
02 01 03
03 01 02 37
21 235
255 01 02 415 8006 8020 8026
390n 390n 391n 394n 8111
391n 391n
392n 392n 393n
393n 393n
394n 394n 8111
395n 392n 393n 395n 8005
420 421
421 4307
422 426
423 426
424 426
425 426
4330 4331
4332 4333
7250 7251
7253 7256 7259
7254 7256 7259
7255 7256 7259
7256 7259
8006 01 37
8017 8018
8026 02 8006
"""
"""First the element, then what may not stand beside it. `390n` is any of 3900 to 3909, and then
excludes only another identifier than itself."""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of an element's value. n_min to n_max characters of `characters`."""

    characters: str
    n_min: int
    n_max: int
    is_optional: bool
    rules: tuple[Rule, ...]


def _components(text: str) -> tuple[Component, ...]:
    components = []
    for word in text.split():
        match = re.fullmatch(r"(\[?)([nxyz])(\.\.)?([0-9]+)(?::([a-z0-9,]+))?\]?", word)
        if match is None:
            raise AssertionError(f"format {word!r}")
        n_max = int(match[4])
        rules = tuple(RULES[name] for name in (match[5] or "").split(",") if name)
        n_min = 1 if match[3] else n_max
        components.append(Component(match[2], n_min, n_max, bool(match[1]), rules))
    return tuple(components)


def _identifiers(words: str) -> Iterator[str]:
    """`410-417` counts up; `3100-3165/6` counts tens up, each with last digits 0 to 5."""
    for word in words.split():
        first, _, last = word.partition("-")
        last, _, n_last = last.partition("/")
        for number in range(int(first), int(last or first) + 1):
            if not n_last or number % 10 < int(n_last):
                yield f"{number:0{len(first)}d}"


def _read_formats() -> dict[str, tuple[Component, ...]]:
    formats = {}
    for line in _FORMATS.strip().splitlines():
        match = re.match(r"([0-9][0-9/ \-]*) +(?=[nxyz])(.+)", line)
        if match is None:
            raise AssertionError(f"line {line!r}")
        for ai in _identifiers(match[1]):
            formats[ai] = _components(match[2])
    return formats


# Identifiers of the measures whose second and third digit no measure has.
_HOLES: Final = {f"{ai:03d}" for ai in (*range(317, 320), *range(338, 340), 358, 359)}

FORMATS: Final = {
    ai: components for ai, components in _read_formats().items() if ai[:3] not in _HOLES
}
"""Every application identifier there is, and what its value is made of."""

_EXCLUDED: Final = {
    line.split()[0]: frozenset(line.split()[1:]) for line in _EXCLUDES.strip().splitlines()
}


def parse_elements(text: str) -> tuple[Element, ...]:
    """The elements of a message, in order, each checked. Raises ElementsRefused.

    text: without symbology identifier; one GS before the first and one after the last element
    are taken as the scanner's and left out.
    """
    i = 1 if text[:1] == GS else 0
    if i == len(text):
        raise ElementsRefused("barcode_empty", "there is nothing in it")
    elements = []
    while i < len(text):
        ai = _identifier_at(text, i)
        i += len(ai)
        end = text.find(GS, i)
        end = len(text) if end < 0 else end
        if ai[:2] in FIXED_LENGTH:
            end = min(end, i + sum(component.n_max for component in FORMATS[ai]))
        check_element(ai, text[i:end])
        elements.append((ai, text[i:end]))
        i = end + 1 if text[end : end + 1] == GS else end
    return tuple(elements)


def _identifier_at(text: str, i: int) -> str:
    for n_digits in (2, 3, 4):
        ai = text[i : i + n_digits]
        if ai in FORMATS and len(ai) == n_digits:
            return ai
    shown = text[i : i + 4].replace(GS, "<GS>")
    text = f"{shown!r} is no application identifier"
    raise ElementsRefused("barcode_identifier", text, shown=repr(shown))


def check_element(ai: str, value: str) -> None:
    """Raises ElementsRefused if `value` is not what the identifier `ai` (a known one) allows."""
    i = 0
    for component in FORMATS[ai]:
        part = value[i : i + component.n_max]
        if not part and component.is_optional:
            break
        if len(part) < component.n_min:
            raise _refused("barcode_short", ai, "is too short", value)
        match = CHARACTERS[component.characters].fullmatch(part)
        if match is None:
            what = "digits only" if component.characters == "n" else "other characters"
            raise _refused("barcode_characters", ai, f"must have {what}", value)
        for rule in component.rules:
            wrong = rule(part)
            if wrong is not None:
                raise _refused(KEYS.get(rule, "barcode_value"), ai, wrong, value)
        i += len(part)
    if i < len(value):
        wrong = "is too long, or a separator is missing behind it"
        raise _refused("barcode_long", ai, wrong, value)


def _refused(key: str, ai: str, wrong: str, value: str) -> ElementsRefused:
    shown = repr(value if len(value) <= 40 else value[:39] + "…")
    return ElementsRefused(key, f"({ai}) {wrong}: {shown}", where=f"({ai})", shown=shown)


def check_together(elements: Sequence[Element]) -> None:
    """Raises ElementsRefused if elements contradict or exclude each other.

    Of the elements that need another, only 02 (contents) is held to it: goods are booked by
    their count (37). A lot or an expiry date alone is a label of its own in many warehouses.
    """
    values: dict[str, str] = {}
    for ai, value in elements:
        if values.setdefault(ai, value) != value:
            text = f"({ai}) is there twice and differs"
            raise ElementsRefused("barcode_together", text, where=f"({ai})")
    for ai in values:
        for other in values:
            if ai != other and _excludes(ai, other):
                text, where = f"({ai}) and ({other}) exclude each other", f"({ai}), ({other})"
                raise ElementsRefused("barcode_together", text, where=where)
    if "02" in values and "37" not in values:
        text = "(02) contents need (37), their count"
        raise ElementsRefused("barcode_together", text, where="(02), (37)")


def _excludes(ai: str, other: str) -> bool:
    family = f"{ai[:3]}n" if len(ai) == 4 else ai
    if len(ai) == 4 and ai[0] == "3" and other[:3] == ai[:3] and ai[1] <= "6":
        return True  # one measure with two decimal points
    excluded = _EXCLUDED.get(ai) or _EXCLUDED.get(family) or frozenset()
    return other in excluded or (len(other) == 4 and f"{other[:3]}n" in excluded)
