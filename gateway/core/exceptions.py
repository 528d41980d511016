"""What a run of journal rows does to the gateway's exceptions queue (docs/exceptions.md).

Evidence, corrections and the words of people here are events of this gateway; the words of people
in the cloud come as documents. What two events show together is found beside (inventory/traces).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.values import value
from cloud_sync.inventory.exceptions import (
    Ending,
    Key,
    Word,
    endings,
    is_concerned,
    key_text,
    raised,
    settles,
    word_in,
)
from cloud_sync.inventory.findings import Finding


@value
class Evidence:
    """One event that shows an exception."""

    event_id: str
    at_us: int
    detail: str


@value
class OpenException:
    """One that nobody has settled, as the gateway's queue has it.

    newest: the id of its newest evidence. evidence: all of it, where somebody asked for it. What
    only a balance shows has no events and no times.
    """

    kind: str
    key: Key
    n_events: int = 0
    first_at_us: int = 0
    last_at_us: int = 0
    newest: str = ""
    evidence: tuple[Evidence, ...] = ()

    @property
    def name(self) -> str:
        """Names it as it stands: whoever resolves it has seen all that shows it."""
        parts = self.kind, key_text(self.key), self.n_events, self.last_at_us, self.newest
        return f"x-{sha256(repr(parts).encode()).hexdigest()[:16]}"


@dataclass(slots=True)
class ExceptionEffects:
    """raised: findings, each of one event, with its time. settled: events, with the time of what
    settles them. ends: what ended all that is older. resolved: people's words, in order."""

    raised: list[tuple[Finding, int]] = field(default_factory=list)
    settled: dict[str, int] = field(default_factory=dict)
    ends: list[Ending] = field(default_factory=list)
    resolved: list[Word] = field(default_factory=list)

    def take(self, event: ev.Event) -> None:
        """The journal's next event."""
        if event.type == ev.DOCUMENT_CHANGED:
            self._take_document(event)
        elif is_concerned(event):
            self.raised += [(it, event.occurred_at_us) for it in raised(event)]
            self.ends += endings(event)
            target, word = settles(event), word_in(event)
            if target is not None:
                self.settled[target] = event.occurred_at_us
            if word is not None:
                self.resolved.append(word)

    def add(self, other: ExceptionEffects) -> None:
        """Take in those of the rows behind these."""
        self.raised += other.raised
        self.settled |= other.settled
        self.ends += other.ends
        self.resolved += other.resolved

    def _take_document(self, event: ev.Event) -> None:
        data = event.body.get("data")
        if event.body.get("kind") != doc.RESOLUTION or not isinstance(data, dict):
            return
        said = doc.Resolution.model_validate(data)
        self.resolved.append(
            Word(
                word=str(event.body.get("key")),
                at_us=said.at_us or event.occurred_at_us,
                kind=said.kind,
                key=tuple(said.key),
                evidence=tuple(said.evidence),
                action=said.action,
                reason=said.reason,
                author=said.author,
                quantity=said.quantity,
            )
        )
