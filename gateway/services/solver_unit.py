"""Asks the solver's own systemd unit: one connection to its socket, one job, one answer.

systemd starts a `forepost-solver@.service` for each connection (deploy/systemd), in a sandbox
without network, devices or the gateway's files; a gateway that only asks needs no right to set
anybody's priority. What goes over the socket stands in gateway.solve_job. Closing the connection
ends the solver.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Final

from gateway.errors import PlanError

ANSWER_BYTES_MAX: Final = 64 * 2**20


async def ask_unit(
    job: Mapping[str, object], *, socket: str, limit_s: float, memory_mb: int
) -> dict[str, object]:
    """The solver's result. Raises PlanError with its complaint, or if there is no answer."""
    try:
        async with asyncio.timeout(limit_s):
            answer = await _exchange(socket, memory_mb, json.dumps(job).encode())
    except TimeoutError as error:
        raise PlanError(f"solver: no answer within {limit_s:g} s") from error
    except OSError as error:
        raise PlanError(f"solver: {socket}: {error.strerror or error}") from error
    return _result(answer)


async def _exchange(socket: str, memory_mb: int, job: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(b"%d\n" % memory_mb + job)
        # A solver that ends early has still said why; a write that breaks must not hide it.
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.write_eof()
        answer = b""
        while chunk := await reader.read(2**16):
            answer += chunk
            if len(answer) > ANSWER_BYTES_MAX:
                raise PlanError(f"solver: an answer of more than {ANSWER_BYTES_MAX} bytes")
        return answer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _result(answer: bytes) -> dict[str, object]:
    if not answer:
        raise PlanError("solver: it ended without an answer")
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError) as error:  # bytes that are not UTF-8 are a ValueError, too
        raise PlanError("solver: the answer is not JSON") from error
    match told:
        case {"result": dict() as result}:
            return result
        case {"complaint": str() as complaint}:
            raise PlanError(f"solver: {complaint}")
    raise PlanError("solver: the answer is neither a result nor a complaint")
