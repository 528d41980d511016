"""What goes wrong over HTTP, always as {"error": {"code", "message"}} and never as a trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloud_sync.contract.batches import ERROR_CODES, Problem
from cloud_sync.store.ports import StoreError, ValueRefused

logger = logging.getLogger(__name__)

STATUS: Final = {code: int(about[:3]) for code, about in ERROR_CODES.items()}
"""The code in the body says what to do; the status is for those who only see that."""

_BY_STATUS: Final = {404: "not_found", 405: "method_not_allowed"}
_RETRY_AFTER_S: Final = {"busy": 1, "unavailable": 5}


class Refused(Exception):
    """The request is not granted."""

    def __init__(self, code: str, message: str, *, expected_seq: int | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(code=code, message=message, expected_seq=expected_seq)


def render(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The response that says it."""
    extra = dict(headers or {})
    if problem.code in _RETRY_AFTER_S:
        extra["Retry-After"] = str(_RETRY_AFTER_S[problem.code])
    if problem.code == "unauthorised":
        extra["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        {"error": problem.model_dump(exclude_none=True)},
        status_code=STATUS[problem.code],
        headers=extra,
    )


def add_handlers(app: FastAPI) -> None:
    """Turn everything that can be raised into a problem."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return render(error.problem)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        return render(Problem(code="malformed", message=f"{path}: {first['msg']}"))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = _BY_STATUS.get(error.status_code, "malformed")
        return render(Problem(code=code, message=str(error.detail)), error.headers)

    @app.exception_handler(ValueRefused)
    async def value_refused(request: Request, error: ValueRefused) -> Response:
        logger.warning("value refused", extra={"action": "value_refused", "reason": str(error)})
        return render(Problem(code="malformed", message="a value that cannot be kept"))

    @app.exception_handler(StoreError)
    async def unavailable(request: Request, error: StoreError) -> Response:
        logger.error("store failed", extra={"action": "store_failed", "reason": str(error)})
        return render(Problem(code="unavailable", message="the store cannot do it now"))
