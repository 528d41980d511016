"""GS1 identifiers as URIs: EPC URNs and GS1 Digital Link, their syntax and one common spelling.

Both spellings name the same thing, and a query for one finds the other. The common spelling is
the Digital Link at id.gs1.org with the primary key and what makes it an instance or a lot; a URN
tells all of it, while a URN cannot be made from a Digital Link without knowing how long the
company prefix is.

Source: GS1 EPC Tag Data Standard 1.13, sections 6 and 8; GS1 Digital Link URI Syntax 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from cloud_sync.contract.keys import gtin_check_digit
from cloud_sync.epcis.uris import is_uri

INSTANCE: Final = "instance"
CLASS: Final = "class"

_TEXT: Final = r"(?:[A-Za-z0-9!'()*+,\-.:;=_]|%2[256F]|%2f|%3[CEFcef])"
_CPI_PART: Final = r"(?:[A-Z0-9\-]|%23|%2F|%2f)"


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one scheme's URN is built.

    n_digits: of company prefix and reference together; 0 where the reference is not digits only.
    """

    tail: str
    n_digits: int
    level: str = INSTANCE


_SCHEMES: Final = {
    "id:sgtin": Scheme(rf"\d+\.{_TEXT}{{1,20}}", 13),
    "id:sscc": Scheme(r"\d+", 17),
    "id:sgln": Scheme(rf"\d*\.{_TEXT}{{1,20}}", 12),
    "id:grai": Scheme(rf"\d*\.{_TEXT}{{1,16}}", 12),
    "id:giai": Scheme(rf"{_TEXT}{{1,24}}", 0),
    "id:gsrn": Scheme(r"\d+", 17),
    "id:gsrnp": Scheme(r"\d+", 17),
    "id:gdti": Scheme(rf"\d*\.{_TEXT}{{1,17}}", 12),
    "id:cpi": Scheme(rf"{_CPI_PART}{{1,24}}\.(?:0|[1-9]\d{{0,11}})", 0),
    "id:sgcn": Scheme(r"\d*\.\d{1,12}", 12),
    "id:ginc": Scheme(rf"{_TEXT}{{1,24}}", 0),
    "id:gsin": Scheme(r"\d+", 16),
    "id:itip": Scheme(rf"\d+\.\d\d\.\d\d\.{_TEXT}{{1,20}}", 13),
    "id:upui": Scheme(rf"\d+\.{_TEXT}{{1,28}}", 13),
    "id:pgln": Scheme(r"\d*", 12),
    "class:lgtin": Scheme(rf"\d+\.{_TEXT}{{1,20}}", 13, CLASS),
    "idpat:sgtin": Scheme(r"(?:\d+|\*)\.\*", 13, CLASS),
    "idpat:grai": Scheme(r"(?:\d*|\*)\.\*", 12, CLASS),
    "idpat:gdti": Scheme(r"(?:\d*|\*)\.\*", 12, CLASS),
    "idpat:sgcn": Scheme(r"(?:\d*|\*)\.\*", 12, CLASS),
    "idpat:cpi": Scheme(rf"(?:{_CPI_PART}{{1,24}}|\*)\.\*", 0, CLASS),
    "idpat:itip": Scheme(r"(?:\d+\.\d\d\.\d\d|\*\.\*\.\*)\.\*", 13, CLASS),
    "idpat:upui": Scheme(r"(?:\d+|\*)\.\*", 13, CLASS),
}
_OTHER_URN: Final = {
    "id:gid": r"(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,7})\.(?:0|[1-9]\d{0,10})",
    "id:usdod": r"[A-HJ-NP-Z0-9]{5,6}\.(?:0|[1-9]\d{0,10})",
    "id:adi": r"[A-HJ-NP-Z0-9]{5,6}\.(?:[A-Z0-9\-]|%2F|%2f){0,32}"
    r"\.(?:%23)?(?:[A-Z0-9\-]|%2F|%2f){1,30}",
    "id:bic": r"[A-Z]{3}[JUZ]\d{7}",
    "id:imovn": r"\d{7}",
}
_URN: Final = re.compile(r"urn:epc:((?:id|class|idpat):[a-z]+):(.*)")
_RAW: Final = re.compile(r"urn:epc:raw:\d+\.(?:\d+|x[0-9A-F]+)", re.ASCII)
"""A tag whose content is no EPC that anybody could read."""

_PREFIXED: Final = re.compile(r"(\d{6,12})\.(.*)", re.ASCII)

_KEY_LENGTHS: Final = {
    "01": r"\d{8}|\d{12,14}", "00": r"\d{18}", "414": r"\d{13}", "417": r"\d{13}",
    "8017": r"\d{18}", "8018": r"\d{18}", "402": r"\d{17}", "255": r"\d{13,25}",
    "253": r"\d{13}.{0,17}",
    "8003": r"0\d{13}.{0,16}", "8004": r".{4,30}", "401": r".{4,30}", "8010": r".{4,30}",
    "8006": r"\d{18}", "8013": r".{1,25}", "415": r"\d{13}",
}  # fmt: skip
_CHECKED: Final = {"01": 14, "00": 18, "414": 13, "417": 13, "8017": 18, "8018": 18, "402": 17,
                   "255": 13, "253": 13, "8003": 14, "8006": 14, "415": 13}  # fmt: skip
_QUALIFIERS: Final = {
    "01": ("22", "10", "21", "235"), "8006": ("22", "10", "21"), "414": ("254", "7040"),
    "8010": ("8011",), "417": ("7040",), "00": (), "8003": (), "8004": ("7040",),
    "8017": ("8019",), "8018": ("8019",), "253": (), "255": (), "401": (), "402": (), "8013": (),
    "415": ("8020",),
}  # fmt: skip
_INSTANCE_BY: Final = {"01": {"21", "235"}, "8006": {"21"}, "8010": {"8011"}}
_KEPT_QUALIFIERS: Final = {"10", "21", "235", "254", "8011", "8020"}
_QUALIFIER_LENGTH: Final = {"22": 20, "10": 20, "21": 20, "235": 28, "254": 20, "8011": 12,
                            "7040": 4, "8019": 10, "8020": 25}  # fmt: skip
_NAMES: Final = {"gtin": "01", "itip": "8006", "gln": "414", "party": "417", "sscc": "00",
                 "ser": "21", "lot": "10", "cpv": "22"}  # fmt: skip
"""What Digital Link 1.0 allowed in place of some AIs; still met, never written."""

_LINK: Final = re.compile(r"https?://([^/?#]+)(/[^?#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A GS1 Digital Link: the key's AI and value, and qualifiers in order, still escaped."""

    ai: str
    value: str
    qualifiers: tuple[tuple[str, str], ...]

    @property
    def level(self) -> str:
        """Instance, or class where what makes an instance of this key is missing."""
        names = {ai for ai, _ in self.qualifiers}
        needed = _INSTANCE_BY.get(self.ai)
        if needed is not None:
            return INSTANCE if needed & names else CLASS
        if self.ai == "8013":
            return CLASS  # a model
        if self.ai in ("8003", "253", "255"):
            return INSTANCE if len(self.value) > _CHECKED[self.ai] else CLASS
        return INSTANCE

    def canonical(self) -> str:
        """The link at id.gs1.org, with nothing in it that does not identify."""
        kept = [(ai, value) for ai, value in self.qualifiers if ai in _KEPT_QUALIFIERS]
        if any(ai in ("21", "235") for ai, _ in kept):
            kept = [(ai, value) for ai, value in kept if ai != "10"]
        return link_uri((self.ai, unquote(self.value)), *((ai, unquote(v)) for ai, v in kept))


def link_uri(*parts: tuple[str, str]) -> str:
    """The Digital Link at id.gs1.org of AIs and values, which are escaped here."""
    return "https://id.gs1.org" + "".join(
        f"/{ai}/{quote(value, safe='!()*+,:;=' + chr(39))}" for ai, value in parts
    )


def fault_of(uri: str) -> str | None:
    """What is wrong with an identifier that claims to be GS1's; None for all that do not."""
    if uri.lower().startswith("urn:epc:"):
        is_known = _RAW.fullmatch(uri) or _urn_parts(uri) is not None or _is_other_urn(uri)
        return None if is_known else "no such EPC URN"
    if not uri.lower().startswith(("https://id.gs1.org/", "http://id.gs1.org/")):
        return None  # other people's hosts may mean something else by their paths
    link = parse_link(uri)
    if link is None:
        return "no such GS1 Digital Link"
    n_checked = _CHECKED.get(link.ai)
    body = link.value[:n_checked] if n_checked else ""
    if link.ai == "8003":
        body = body[1:]
    if body and gtin_check_digit(body[:-1]) != body[-1]:
        return f"the check digit of {body} is wrong"
    return None


def level_of(uri: str) -> str | None:
    """Whether a GS1 identifier names an instance or a class; None for what is not GS1's."""
    found = _urn_parts(uri)
    if found is not None:
        return found[0].level
    link = parse_link(uri)
    return None if link is None else link.level


def canonical_id(uri: str) -> str:
    """The common spelling of a GS1 identifier; anything else as it is."""
    link = parse_link(uri)
    if link is not None:
        return link.canonical()
    return urn_to_link(uri) or uri


def parse_link(uri: str) -> Link | None:
    """The Digital Link in an http(s) URI of any host; None if there is none.

    A path may go before the key.
    """
    found = _LINK.fullmatch(uri.partition("?")[0].partition("#")[0])
    if found is None:
        return None
    parts = found[2].split("/")[1:]
    for start in range(len(parts) - 1):
        link = _link_at([_NAMES.get(parts[start], parts[start]), *parts[start + 1 :]])
        if link is not None:
            return link
    return None


def _link_at(parts: list[str]) -> Link | None:
    if len(parts) % 2 or not all(parts) or parts[0] not in _KEY_LENGTHS:
        return None
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    (ai, value), rest = pairs[0], [(_NAMES.get(name, name), each) for name, each in pairs[1:]]
    plain = unquote(value)
    if re.fullmatch(_KEY_LENGTHS[ai], plain, re.ASCII) is None:
        return None
    order = [_QUALIFIERS[ai].index(name) for name, _ in rest if name in _QUALIFIERS[ai]]
    if len(order) < len(rest) or order != sorted(set(order)):
        return None
    if any(len(unquote(each)) > _QUALIFIER_LENGTH[name] for name, each in rest):
        return None
    return Link(ai, value.zfill(14) if ai == "01" else value, tuple(rest))


def _urn_parts(uri: str) -> tuple[Scheme, str, str, list[str]] | None:
    """Scheme, its name, company prefix, and the parts after it; None if the syntax is broken."""
    found = _URN.fullmatch(uri)
    scheme = _SCHEMES.get(found[1]) if found else None
    split = _PREFIXED.fullmatch(found[2]) if found else None
    if scheme is None or split is None or found is None:
        return None
    if re.fullmatch(scheme.tail, split[2], re.ASCII) is None:
        return None
    parts = split[2].split(".", 3 if "itip" in found[1] else 1)
    reference = parts[0]
    if scheme.n_digits and reference != "*" and len(split[1]) + len(reference) != scheme.n_digits:
        return None
    if found[1] in ("id:giai", "id:ginc") and len(split[1]) + len(unquote(split[2])) > 30:
        return None
    if found[1].endswith(":cpi") and len(split[1]) + len(unquote(reference)) > 30:
        return None
    return scheme, found[1], split[1], [split[2]] if scheme.n_digits == 0 else parts


def _is_other_urn(uri: str) -> bool:
    found = _URN.fullmatch(uri)
    if found is None:
        return False
    if found[1] in _OTHER_URN:
        return re.fullmatch(_OTHER_URN[found[1]], found[2], re.ASCII) is not None
    # Schemes this table has not: what they hold is not ours to judge.
    known = _SCHEMES.keys() | _OTHER_URN.keys()
    return found[1] not in known and found[1].startswith(("class:", "idpat:")) and is_uri(uri)


def urn_to_link(uri: str) -> str | None:
    """The Digital Link of an EPC URN; None where it has none (patterns over many, other URNs)."""
    found = _urn_parts(uri)
    if found is None:
        return None
    _, name, prefix, parts = found
    reference, tail = parts[0], unquote(parts[-1])
    scheme = name.partition(":")[2]
    if reference.startswith("*"):
        return None
    if scheme in ("sgtin", "lgtin", "itip", "upui"):
        return _trade_item(name, prefix, parts)
    if scheme in ("giai", "ginc"):
        return link_uri(("8004" if scheme == "giai" else "401", prefix + unquote(reference)))
    if scheme == "cpi":
        component, _, serial = parts[0].rpartition(".")
        key = ("8010", prefix + unquote(component))
        return link_uri(key) if serial == "*" else link_uri(key, ("8011", serial))
    if scheme in ("sscc", "gsrn", "gsrnp", "gsin", "pgln"):
        ai = {"sscc": "00", "gsrn": "8018", "gsrnp": "8017", "gsin": "402", "pgln": "417"}[scheme]
        digits = reference[:1] + prefix + reference[1:] if scheme == "sscc" else prefix + reference
        return link_uri((ai, digits + gtin_check_digit(digits)))
    digits = prefix + reference
    digits += gtin_check_digit(digits)
    if scheme == "sgln":
        return link_uri(("414", digits), *([] if tail == "0" else [("254", tail)]))
    ai, lead = {"grai": ("8003", "0"), "gdti": ("253", ""), "sgcn": ("255", "")}[scheme]
    return link_uri((ai, lead + digits + ("" if tail == "*" else tail)))


def _trade_item(name: str, prefix: str, parts: list[str]) -> str:
    body = parts[0][:1] + prefix + parts[0][1:]
    gtin = body + gtin_check_digit(body)
    tail = unquote(parts[-1])
    if name == "class:lgtin":
        return link_uri(("01", gtin), ("10", tail))
    key = ("8006", gtin + parts[1] + parts[2]) if name.endswith("itip") else ("01", gtin)
    if tail == "*":
        return link_uri(key)
    return link_uri(key, ("235" if name == "id:upui" else "21", tail))


_ANY_OF: Final = {
    "sgtin": r"01/\d{}\d+/21/.+", "upui": r"01/\d{}\d+/235/.+", "itip": r"8006/\d{}\d+/21/.+",
    "sscc": r"00/\d{}\d+", "sgln": r"414/{}\d+(?:/254/.+)?", "pgln": r"417/{}\d+",
    "grai": r"8003/0{}.+", "giai": r"8004/{}.+", "gsrn": r"8018/{}\d+", "gsrnp": r"8017/{}\d+",
    "gdti": r"253/{}.+", "sgcn": r"255/{}\d+", "cpi": r"8010/{}.+/8011/.+", "ginc": r"401/{}.+",
    "gsin": r"402/{}\d+",
}  # fmt: skip
"""The links of all instances of a scheme, but for the company prefix."""
_ANY_CLASS_OF: Final = {"sgtin": r"01/\d{}\d+", "upui": r"01/\d{}\d+", "itip": r"8006/\d{}\d+"}
_ALL: Final = re.compile(r"urn:epc:idpat:([a-z]+):(\d{6,12}|\*)(?:\.\*)+", re.ASCII)


def pattern_of(uri: str) -> re.Pattern[str] | None:
    """The canonical spellings that a URN with `*` (urn:epc:idpat:…) stands for; None if no `*`."""
    if not uri.startswith("urn:epc:idpat:") or "*" not in uri:
        return None
    found = _urn_parts(uri)
    if found is None or found[3][0].startswith("*"):
        return _pattern_of_all(uri, _ANY_OF)
    scheme = found[1].partition(":")[2]
    whole = re.escape(urn_to_link(uri) or uri)
    instance = {"sgtin": "/21/.+", "upui": "/235/.+", "itip": "/21/.+", "cpi": "/8011/.+"}
    return re.compile(whole + instance.get(scheme, ".+"))


def class_pattern_of(uri: str) -> re.Pattern[str] | None:
    """The classes that a URN with `*` for the item, too, stands for; None for any other."""
    return _pattern_of_all(uri, _ANY_CLASS_OF)


def _pattern_of_all(uri: str, links: Mapping[str, str]) -> re.Pattern[str] | None:
    """Everything of a scheme and, unless that is `*`, a company prefix."""
    found = _ALL.fullmatch(uri)
    if found is None or found[1] not in links:
        return None
    prefix = r"\d*" if found[2] == "*" else found[2]
    return re.compile("https://id\\.gs1\\.org/" + links[found[1]].replace("{}", prefix))
