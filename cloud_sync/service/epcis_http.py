"""What all paths below /epcis/v2 have in common: versions, formats, problems, discovery.

Problems are RFC 7807 bodies with the standard's exception types. Answers say which EPCIS and CBV
they speak; a request that insists on others, or on XML, is told 406.

Source: GS1 EPCIS 2.0, section 12, and the OpenAPI document of its REST binding.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloud_sync.contract import rights
from cloud_sync.epcis.naming import NAMESPACE, PREFIX
from cloud_sync.epcis.vocabulary import CBV_VERSION, EPCIS_VERSION
from cloud_sync.service.access import may
from cloud_sync.service.problems import STATUS, Refused
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import StoreError, ValueRefused

logger = logging.getLogger(__name__)

ROOT: Final = "/epcis/v2"
CAPTURE_EVENTS_MAX: Final = 1000
CAPTURE_BYTES_MAX: Final = 4 * 2**20
QUERY_CHARACTERS_MAX: Final = 8000
METHODS: Final = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"]

as_capturer: Final = may(rights.CAPTURE)
as_reader: Final = may(rights.READ)
AsCapturer = Annotated[Credential, Depends(as_capturer)]
as_subscriber: Final = may(rights.ADMINISTER)
AsSubscriber = Annotated[Credential, Depends(as_subscriber)]
AsReader = Annotated[Credential, Depends(as_reader)]

SPOKEN: Final = {
    "GS1-EPCIS-Version": EPCIS_VERSION,
    "GS1-CBV-Version": CBV_VERSION,
    "GS1-Extensions": f"{PREFIX}={NAMESPACE}",
}
_DISCOVERED: Final = {
    **SPOKEN,
    "GS1-EPCIS-Min": EPCIS_VERSION,
    "GS1-EPCIS-Max": EPCIS_VERSION,
    "GS1-CBV-Min": CBV_VERSION,
    "GS1-CBV-Max": CBV_VERSION,
    "GS1-EPC-Format": "Never_Translates,Always_GS1_Digital_Link,No_Preference",
    "GS1-CBV-XML-Format": "Never_Translates",
    "GS1-Vendor-Version": "forepost-1",
}
LIMITS: Final = {
    "GS1-EPCIS-Capture-Limit": str(CAPTURE_EVENTS_MAX),
    "GS1-EPCIS-Capture-File-Size-Limit": str(CAPTURE_BYTES_MAX),
}
CAPTURE_DISCOVERED: Final = {**LIMITS, "GS1-Capture-Error-Behaviour": "rollback,proceed"}

_TYPES: Final = {
    "unauthorised": ("SecurityException", "Unauthorised request"),
    "forbidden": ("SecurityException", "Access to resource forbidden"),
    "not_found": ("NoSuchResourceException", "Resource not found"),
    "malformed": ("ValidationException", "The document is not valid"),
    "too_large": ("CaptureLimitExceededException", "Capture payload too large"),
    "encoding": ("UnsupportedMediaTypeException", "Unsupported media type"),
}
_FORMATS: Final = ("No_Preference", "Always_GS1_Digital_Link", "Always_EPC_URN",
                   "Never_Translates")  # fmt: skip


_REFUSED_RANGE: Final = re.compile(r";\s*q\s*=\s*0(?:\.0{0,3})?\s*(?:;|$)", re.IGNORECASE)
"""A media range of which somebody says that he does not take it (RFC 9110, 12.4.2)."""


class EpcisProblem(Exception):
    """A problem with its standard type: `ValidationException`, `QueryParameterException` …"""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.headers = status, kind, dict(headers or {})
        self.body: dict[str, object] = {
            "type": f"epcisException:{kind}",
            "title": title,
            "status": status,
            "detail": detail,
        }
        if errors:
            self.body["errors"] = list(errors)

    def render(self) -> Response:
        """The response that says it."""
        return JSONResponse(
            self.body,
            status_code=self.status,
            headers={**SPOKEN, **self.headers},
            media_type="application/problem+json",
        )


class EpcisRoute(APIRoute):
    """A route whose every refusal is a problem of the standard's."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # Starlette says Coroutine
        """The handler with the checks before it and the problems after it."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                _negotiate(request)
                return await inner(request)
            except EpcisProblem as error:
                return error.render()
            except Refused as error:
                return _of_refusal(error).render()
            except RequestValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                detail = f"{where}: {first['msg']}"
                return bad_parameter(detail).render()
            except ValueRefused:
                return bad_parameter("a value that cannot be kept").render()
            except StoreError as error:
                logger.error(
                    "store failed", extra={"action": "store_failed", "reason": str(error)}
                )
                return EpcisProblem(
                    503, "ImplementationException", "Not now", "the store cannot do it now",
                    headers={"Retry-After": "5"},
                ).render()  # fmt: skip

        return handle


def _of_refusal(error: Refused) -> EpcisProblem:
    code = error.problem.code
    kind, title = _TYPES.get(code, ("ImplementationException", "It cannot be done"))
    status = 400 if code == "malformed" else STATUS[code]
    headers = {"WWW-Authenticate": "Bearer"} if code == "unauthorised" else {}
    if code == "too_large":
        headers = LIMITS
    if code == "busy":
        headers = {"Retry-After": "1"}
    return EpcisProblem(status, kind, title, error.problem.message, headers=headers)


def bad_parameter(detail: str) -> EpcisProblem:
    """A query that cannot be understood."""
    return EpcisProblem(400, "QueryParameterException", "Query parameter", detail)


def too_complex(detail: str) -> EpcisProblem:
    """A query that would take more than there is for one."""
    return EpcisProblem(413, "QueryTooComplexException", "Query too complex", detail)


def not_found(what: str) -> EpcisProblem:
    """There is no such thing."""
    return EpcisProblem(404, "NoSuchResourceException", "Resource not found", what)


def no_such_query(name: str) -> EpcisProblem:
    """There is no query of that name."""
    return EpcisProblem(404, "NoSuchNameException", "Resource not found", f"no query {name}")


def _not_acceptable(detail: str) -> EpcisProblem:
    return EpcisProblem(
        406, "NotAcceptableException", "Conflicting request and response headers", detail
    )


def _negotiate(request: Request) -> None:
    """Raises EpcisProblem (406) for what cannot be answered as asked."""
    accepted = request.headers.get("accept", "*/*")
    ranges = [
        part.partition(";")[0].strip().lower()
        for part in accepted.split(",")
        if _REFUSED_RANGE.search(part) is None
    ]
    if not any(
        each in ("*/*", "application/*", "application/json", "application/ld+json",
                 "application/problem+json", "")
        for each in ranges
    ):  # fmt: skip
        raise _not_acceptable(f"JSON and JSON-LD are spoken, not {accepted[:80]}")
    for standard, version in (("EPCIS", EPCIS_VERSION), ("CBV", CBV_VERSION)):
        low = _version(request, f"GS1-{standard}-Min") or (0,)
        high = _version(request, f"GS1-{standard}-Max") or (99,)
        exact = _version(request, f"GS1-{standard}-Version")
        ours = tuple(map(int, version.split(".")))
        if not low <= ours or not ours[: len(high)] <= high:
            raise _not_acceptable(f"{standard} {version} is spoken")
        if exact is not None and exact[0] != ours[0]:
            raise _not_acceptable(f"{standard} {version} is spoken")
    epc_format(request)


def _version(request: Request, header: str) -> tuple[int, ...] | None:
    value = request.headers.get(header)
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6}){0,5}", value, re.ASCII):
        raise _not_acceptable(f"{header}: no version")
    return tuple(map(int, value.split(".")))


def epc_format(request: Request) -> str:
    """How identifiers are to be written. Raises EpcisProblem (406).

    As they were captured, if nothing else is asked for: what somebody signed or hashed stays
    what it was. URNs cannot be made from links without knowing each company prefix.
    """
    wanted = request.headers.get("GS1-EPC-Format", "Never_Translates")
    if wanted not in _FORMATS or wanted == "Always_EPC_URN":
        raise _not_acceptable(f"GS1-EPC-Format {wanted[:40]!r} is not offered")
    return wanted


def check_media_type(request: Request) -> None:
    """Raises EpcisProblem (415) for a body that is not JSON."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in ("application/json", "application/ld+json"):
        raise EpcisProblem(
            415, "UnsupportedMediaTypeException", "Unsupported media type",
            f"Content-Type: application/json or application/ld+json, got {media[:80]!r}",
        )  # fmt: skip


def answer(
    content: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer that says what it speaks."""
    return JSONResponse(content, status_code=status, headers={**SPOKEN, **dict(headers or {})})


def discovered(*methods: str) -> dict[str, str]:
    """What OPTIONS tells of a path: its methods, versions and formats."""
    return {"Allow": ", ".join(("OPTIONS", *methods)), **_DISCOVERED}


def discoverable(
    router: APIRouter, path: str, *methods: str, more: Mapping[str, str] | None = None
) -> None:
    """Let OPTIONS on a path tell its methods, versions, formats and limits."""
    headers = {**discovered(*methods), **dict(more or {})}

    async def discover(credential: AsReader) -> Response:
        return Response(status_code=204, headers=headers)

    async def discover_capture(credential: AsCapturer) -> Response:
        return Response(status_code=204, headers=headers)

    router.add_api_route(
        path,
        discover_capture if path.startswith("/capture") else discover,
        methods=["OPTIONS"],
        status_code=204,
        include_in_schema=False,
        response_class=Response,
    )


def make_rest(*routers: APIRouter) -> APIRouter:
    """A router for all else below /epcis/v2: paths and methods that there are not."""
    rest = make_router("EPCIS")
    known = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    async def refuse(request: Request) -> Response:
        path = request.url.path
        methods = {
            name
            for route in known
            if route.path_regex.fullmatch(path)
            for name in route.methods or ()
        }
        if not methods:
            raise not_found(f"there is no {path[:200]}")
        raise EpcisProblem(
            405, "ImplementationException", "Method not allowed",
            f"{request.method} is not among the methods of {path[:200]}",
            headers={"Allow": ", ".join(sorted(methods))},
        )  # fmt: skip

    rest.add_api_route(
        "/{path:path}", refuse, methods=METHODS, include_in_schema=False, response_class=Response
    )
    return rest


def make_router(tag: str) -> APIRouter:
    """A router for paths below /epcis/v2."""
    return APIRouter(prefix=ROOT, tags=[tag], route_class=EpcisRoute)
