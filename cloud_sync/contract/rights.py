"""Who may do what: the one table of roles and actions.

A role is a set of actions. Every call of the service names the one action it needs, so that what
a role may do can be read here, and only here; docs/master-data.md shows the same table to people
and the tests hold the two to each other and to every call there is.
"""

from __future__ import annotations

from typing import Final

GATEWAY: Final = "gateway"
PICKER: Final = "picker"
COUNTER: Final = "counter"
SUPERVISOR: Final = "supervisor"
PLANNER: Final = "planner"
COMPLIANCE: Final = "compliance"
ADMIN: Final = "admin"
READ_ONLY: Final = "read-only"

SYNC: Final = "sync"
"""Speak for a gateway: its batches up, its documents down."""
CAPTURE: Final = "capture"
"""Hand in events of others."""
READ: Final = "read"
"""See stock, events and documents of the warehouses in scope."""
READ_COSTS: Final = "read_costs"
"""See what suppliers ask for and who supplies what."""
WRITE_MASTER: Final = "write_master"
"""Items, suppliers, their terms, prices, VAT, policies, the planning network."""
WRITE_PLACES: Final = "write_places"
"""Warehouses and locations."""
WRITE_DELIVERIES: Final = "write_deliveries"
"""Expected deliveries and transfers, and their closing."""
WRITE_ORDERS: Final = "write_orders"
"""Orders, reservations, allocation."""
WRITE_COUNTS: Final = "write_counts"
"""Count tasks."""
WRITE_HOLDS: Final = "write_holds"
"""Holds and recalls of lots."""
WRITE_CERTIFICATES: Final = "write_certificates"
"""Certificates of items and suppliers."""
ADMINISTER: Final = "administer"
"""Users, tokens, workers, webhooks."""

USER_ROLES: Final = (PICKER, COUNTER, SUPERVISOR, PLANNER, COMPLIANCE, ADMIN, READ_ONLY)
ROLES: Final = (*USER_ROLES, GATEWAY)
ACTIONS: Final = (
    SYNC,
    CAPTURE,
    READ,
    READ_COSTS,
    WRITE_MASTER,
    WRITE_PLACES,
    WRITE_DELIVERIES,
    WRITE_ORDERS,
    WRITE_COUNTS,
    WRITE_HOLDS,
    WRITE_CERTIFICATES,
    ADMINISTER,
)

RIGHTS: Final[dict[str, frozenset[str]]] = {
    GATEWAY: frozenset({SYNC, CAPTURE}),
    PICKER: frozenset({READ}),
    COUNTER: frozenset({READ, WRITE_COUNTS}),
    SUPERVISOR: frozenset(
        {READ, WRITE_PLACES, WRITE_DELIVERIES, WRITE_ORDERS, WRITE_COUNTS, WRITE_HOLDS}
    ),
    PLANNER: frozenset({READ, READ_COSTS, WRITE_MASTER, WRITE_DELIVERIES, WRITE_ORDERS}),
    COMPLIANCE: frozenset({READ, READ_COSTS, WRITE_HOLDS, WRITE_CERTIFICATES}),
    READ_ONLY: frozenset({READ, READ_COSTS}),
    ADMIN: frozenset(ACTIONS) - {SYNC},
}
