"""What a run of journal rows does to the gateway's exceptions queue (docs/exceptions.md).

Evidence and corrections are events of this gateway; a person's word comes from the cloud as a
document, for the events that it names.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import Key, is_concerned, raised, settles
from cloud_sync.inventory.findings import Finding


@dataclass(slots=True)
class ExceptionEffects:
    """raised: findings, each of one event, with its time. settled: events. resolved: kind, key
    and events of each word."""

    raised: list[tuple[Finding, int]] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    resolved: list[tuple[str, Key, tuple[str, ...]]] = field(default_factory=list)

    def take(self, event: ev.Event) -> None:
        """The journal's next event."""
        if event.type == ev.DOCUMENT_CHANGED:
            self._take_word(event)
        elif is_concerned(event):
            self.raised += [(it, event.occurred_at_us) for it in raised(event)]
            target = settles(event)
            if target is not None:
                self.settled.add(target)

    def _take_word(self, event: ev.Event) -> None:
        data = event.body.get("data")
        if event.body.get("kind") == doc.RESOLUTION and isinstance(data, dict):
            word = doc.Resolution.model_validate(data)
            self.resolved.append((word.kind, tuple(word.key), tuple(word.evidence)))
