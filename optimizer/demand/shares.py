"""Who gets what is scarce: so much for everybody that the chance of running out is the same.

Warehouses are filled up together, chance by chance of a shortage until the next delivery, from
the likeliest down (levels of `echelon.places_levels`), as far as the stock goes; the same with
the room in a vehicle, over all items. Equal chances cost the fewest lost sales where a lost unit
costs the same everywhere (Federgruen & Zipkin 1984, Management Science 30). Axes: [place, item].
"""

from __future__ import annotations

import numpy as np

from optimizer.demand.history import Ints


def shared_stock(wanted: Ints, position: Ints, levels: Ints, there: Ints) -> Ints:
    """Of each item's stock `there`, what each place gets of what it wants.

    levels: [chance, place, item], rising.
    """
    given = np.zeros_like(wanted)
    left = there.copy()
    for level in [*levels, position + wanted]:
        more = np.clip(level - position, 0, wanted) - given
        more = np.maximum(more, 0)
        total = more.sum(axis=0)
        fits = total <= left
        given += np.where(fits, more, 0)
        left -= np.where(fits, total, 0)
        if not fits.all():
            part = _part(more, np.where(fits, 0, left))
            given += part
            left = np.where(fits, left, 0)
    return given


def shared_room(wanted: Ints, position: Ints, levels: Ints, grams: Ints, room_grams: int) -> Ints:
    """What rides of what is wanted, if the room does not do for all of it."""
    given = np.zeros_like(wanted)
    left = room_grams
    for level in [*levels, position + wanted]:
        more = np.maximum(np.clip(level - position, 0, wanted) - given, 0)
        weight = int((more * grams).sum())
        if weight > left:
            return given + _that_fit(more, grams, left)
        given += more
        left -= weight
    return given


def _part(more: Ints, left: Ints) -> Ints:
    """Of each item's units `left` (fewer than wanted) to places in proportion, whole ones."""
    total = np.maximum(more.sum(axis=0), 1)
    exact = more * (left / total)
    part = np.floor(exact + 1e-9).astype(np.int64)
    rest = left - part.sum(axis=0)
    # Largest remainders first; equals in order of the places.
    rank = np.argsort(np.argsort(-(exact - part), axis=0, kind="stable"), axis=0, kind="stable")
    shared: Ints = part + ((rank < rest) & (part < more))
    return shared


def _that_fit(more: Ints, grams: Ints, left: int) -> Ints:
    """Units in order of items, then places, as long as they fit."""
    flat = more.T.ravel()
    each = np.repeat(grams, len(more))
    before = np.cumsum(flat * each) - flat * each
    fitting = np.clip((left - before) // each, 0, flat)
    by_place: Ints = fitting.reshape(more.T.shape).T.astype(np.int64)
    return by_place
