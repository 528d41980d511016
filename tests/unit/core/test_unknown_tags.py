"""Pins that a tag of unknown goods is marked once a day, and no tag of known ones ever."""

from __future__ import annotations

from gateway.codecs.epc import epc_identity
from gateway.core.smoothing import ARRIVED, LEFT, Sighting
from gateway.core.tags import UnknownTags

SGTIN = "3034257BF7194E4000001A85"  # 80614141123458, serial 6789
ANOTHER = "3034257BF7194E4000001A86"
SSCC = "3114257BF4499602D2000000"
RUBBISH = "FFFF00000000000000000001"
OTHER_ITEMS = {"09506000134352"}
DAY_US = 86_400_000_000


def marked(tags: UnknownTags, epc: str, *, at_us: int = 0, kind: str = ARRIVED) -> bool:
    sighting = Sighting(kind, "d-1", epc, 1, None, first_us=at_us, last_us=at_us, at_us=at_us)
    return bool(tags.flags_of(sighting, epc_identity(epc), OTHER_ITEMS))


def test_the_first_tag_of_unknown_goods_is_marked_once_a_day() -> None:
    tags = UnknownTags()
    assert [marked(tags, it) for it in (SGTIN, SGTIN, ANOTHER)] == [True, False, False]
    assert marked(tags, SGTIN, at_us=DAY_US)


def test_what_no_scheme_explains_is_marked_and_what_is_no_goods_is_not() -> None:
    tags = UnknownTags()
    assert [marked(tags, it) for it in (RUBBISH, RUBBISH, SSCC)] == [True, False, False]


def test_neither_known_goods_nor_departures_are_marked() -> None:
    sighting = Sighting(ARRIVED, "d-1", SGTIN, 1, None, first_us=0, last_us=0, at_us=0)
    tags, identity = UnknownTags(), epc_identity(SGTIN)
    assert tags.flags_of(sighting, identity, {"80614141123458"}) == ()
    assert tags.flags_of(sighting, identity, set()) == (), "a new box knows nothing yet"
    assert not marked(tags, SGTIN, kind=LEFT)
