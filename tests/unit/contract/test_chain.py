"""Pins the journal's checksum chain: published value, and every change of content shows."""

from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract.chain import first_link, next_link


def test_the_chain_does_not_change_from_release_to_release() -> None:
    # Kept from version 1: a journal written then must verify for ever.
    link = first_link(gateway="gw-J1", epoch="019aa4b6-4500-7ac2-bee8-7db6dfd4e19a")
    assert link.hex() == "5aa97768c0f817a33c89a5121ea6fbde"
    assert next_link(link, 1, b'{"a":1}').hex() == "a6b8abe248d7d731fb1a152e9c65ac8a"


bodies = st.lists(st.binary(max_size=30), min_size=1, max_size=8)


def head(rows: list[bytes], start: int = 1) -> bytes:
    link = first_link(gateway="g", epoch="e")
    for seq, body in enumerate(rows, start):
        link = next_link(link, seq, body)
    return link


@given(bodies, st.data())
def test_a_flipped_bit_changes_the_head(rows: list[bytes], data: st.DataObject) -> None:
    i_row = data.draw(st.integers(0, len(rows) - 1))
    changed = list(rows)
    changed[i_row] = rows[i_row] + b"\x01"
    assert head(changed) != head(rows)


@given(bodies)
def test_a_dropped_last_row_changes_the_head(rows: list[bytes]) -> None:
    assert head(rows[:-1]) != head(rows)


@given(bodies)
def test_a_shifted_sequence_changes_the_head(rows: list[bytes]) -> None:
    assert head(rows, start=2) != head(rows)
