"""How an exchange with the cloud can fail; the class says whether to try again.

CloudError
├── Unavailable   no answer, or "later": the outcome is unknown, send the same again
└── Refused       the cloud said no, and says it again until something changes
"""

from __future__ import annotations


class CloudError(Exception):
    """An exchange with the cloud failed."""


class Unavailable(CloudError):
    """No usable answer. retry_after_s: what the cloud asked for, if it did."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(CloudError):
    """The cloud's own words: `code` (contract.batches.ERROR_CODES) and what it expects next."""

    def __init__(self, message: str, *, code: str, expected_seq: int | None = None) -> None:
        super().__init__(message)
        self.code, self.expected_seq = code, expected_seq
