"""The gateways as metrics, for whoever watches the cloud: when each was heard of, how far it is.

A scraper comes with the token of a reader, and sees what that reader may see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from cloud_sync.contract.metrics import CONTENT_TYPE, Labels, encode_family
from cloud_sync.service.access import reach
from cloud_sync.service.context import context_of
from cloud_sync.service.reading import AsReader
from cloud_sync.store import queries
from cloud_sync.store.exceptions import read_exceptions
from cloud_sync.store.ports import Transaction

router = APIRouter(prefix="/v1", tags=["service"])

Row = Mapping[str, object]


@router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(request: Request, credential: AsReader) -> PlainTextResponse:
    """When gateways were heard of and how far they are, in Prometheus' text format."""
    script = partial(_read, within=reach(credential, None))
    gateways, troubles = await context_of(request).database.read(script)
    return PlainTextResponse(render_metrics(gateways, troubles), media_type=CONTENT_TYPE)


async def _read(
    tx: Transaction, *, within: Sequence[str] | None
) -> tuple[Sequence[Row], Sequence[Row]]:
    gateways = await queries.read_gateways(tx, within=within)
    return gateways, await read_exceptions(tx, within=within)


def render_metrics(gateways: Sequence[Row], troubles: Sequence[Row]) -> str:
    """The rows of `GET /v1/gateways` and `GET /v1/gateways/troubles` as metrics."""
    counts = Counter((str(it["gateway"]), str(it["kind"])) for it in troubles)
    return "".join(
        (
            encode_family(
                "forepost_cloud_gateway_last_contact_time_seconds",
                "gauge",
                "When a gateway was heard of, Unix time.",
                [(_labels(it), _seconds(it["last_contact_us"])) for it in gateways],
            ),
            encode_family(
                "forepost_cloud_gateway_rows_total",
                "counter",
                "Rows taken from a gateway in its epoch.",
                [(_labels(it), it["acknowledged_seq"]) for it in gateways],
            ),
            encode_family(
                "forepost_cloud_gateways", "gauge", "Gateways there are.", [((), len(gateways))]
            ),
            encode_family(
                "forepost_cloud_gateway_troubles",
                "gauge",
                "What a person must look into about a gateway.",
                [((("gateway", of), ("kind", kind)), n) for (of, kind), n in counts.items()],
            ),
        )
    )


def _labels(row: Row) -> Labels:
    return ("gateway", str(row["gateway"])), ("warehouse", str(row["warehouse"]))


def _seconds(at_us: object) -> float | None:
    return at_us / 1e6 if isinstance(at_us, int) else None
