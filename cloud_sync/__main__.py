"""`forepost-cloud`: the command line.

Exit codes: 0 done, 1 failed, 2 wrong usage; a failure is one line on standard error. Commands
load what they need and no more, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cloud_sync.contract.rights import USER_ROLES

Run = Callable[[argparse.Namespace], int]


def main(argv: list[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    parser = _parser()
    namespace = parser.parse_args(argv)
    run: Run | None = getattr(namespace, "run", None)
    if run is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        return run(namespace)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forepost-cloud", description="The cloud that the gateways report to."
    )
    commands = parser.add_subparsers(metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve the HTTP API until SIGTERM")
    _add_database(serve)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=_port, default=8080, help="0 takes a free one")
    serve.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM")
    serve.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key, PEM")
    serve.add_argument(
        "--allow-private-webhooks",
        action="store_true",
        help="send webhooks to private and loopback addresses, too",
    )
    serve.add_argument(
        "--signing-key", type=Path, metavar="FILE",
        help="sign what goes down to gateways by this key (`signing-key make`)",
    )  # fmt: skip
    serve.add_argument("--log-json", action="store_true", help="log as JSON, one object a line")
    serve.add_argument(
        "--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )
    serve.set_defaults(run=_serve)

    migrate = commands.add_parser("migrate", help="make the database or bring it up to date")
    _add_database(migrate)
    migrate.set_defaults(run=_command("migrate"))

    refold = commands.add_parser("refold", help="fold all stock again from the events received")
    _add_database(refold)
    refold.set_defaults(run=_command("refold"))

    _add_forecast(commands)
    gateways = commands.add_parser("gateways", help="let gateways in and keep them out")
    actions = gateways.add_subparsers(metavar="ACTION", required=True)
    enrol = actions.add_parser("enrol", help="give a gateway a token, printed once")
    enrol.add_argument("gateway", type=_id, metavar="ID")
    enrol.add_argument("--warehouse", type=_id, required=True, metavar="ID")
    _add_database(enrol)
    enrol.set_defaults(run=_command("enrol"))
    invite = actions.add_parser(
        "invite", help="print a code by which one box becomes a gateway: forepost-gateway enrol"
    )
    invite.add_argument("gateway", type=_id, metavar="ID")
    invite.add_argument("--warehouse", type=_id, required=True, metavar="ID")
    invite.add_argument("--hours", type=_hours, default=24, help="how long it is good (24)")
    _add_database(invite)
    invite.set_defaults(run=_command("invite"))
    revoke = actions.add_parser("revoke", help="shut a gateway out: its tokens, codes and key")
    revoke.add_argument("gateway", type=_id, metavar="ID")
    _add_database(revoke)
    revoke.set_defaults(run=_command("revoke"))

    _add_tokens(commands)
    _add_signing_key(commands)
    _add_audit(commands)
    return parser


def _add_forecast(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    forecast = commands.add_parser("forecast", help="put forecast demand into the policies")
    forecast.add_argument(
        "--warehouse", type=_id, metavar="ID", help="all that have policies, if not given"
    )
    forecast.add_argument("--days", type=_days, default=120, help="of history (120)")
    forecast.add_argument(
        "--cycle-days", type=_days, default=2, help="from one delivery to the next (2)"
    )
    _add_database(forecast)
    forecast.set_defaults(run=_command("forecast"))


def _add_audit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    audit = commands.add_parser("audit", help="who changed what, and whether the record holds")
    actions = audit.add_subparsers(metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="follow the chain over all entries")
    verify.add_argument(
        "--head", type=_head, metavar="N:LINK", help="a head noted before, which must be in it"
    )
    _add_database(verify)
    verify.set_defaults(run=_command("verify_audit"))
    export = actions.add_parser("export", help="print the entries, one JSON object a line")
    export.add_argument("--after", type=int, default=0, metavar="N", help="behind entry N (0)")
    _add_database(export)
    export.set_defaults(run=_command("export_audit"))


def _head(text: str) -> tuple[int, bytes]:
    number, _, link = text.partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and len(link) == 64):
        raise argparse.ArgumentTypeError(f"{text!r} is not N:LINK, as `audit verify` prints it")
    try:
        return int(number), bytes.fromhex(link)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{link!r} is not hex") from error


def _add_signing_key(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    keys = commands.add_parser("signing-key", help="the key that signs what goes down to gateways")
    actions = keys.add_subparsers(metavar="ACTION", required=True)
    for action, about in (
        ("make", "make a key in a new file, for `serve --signing-key`"),
        ("rotate", "put another key in its place, for which the one before signs; then restart"),
        ("show", "show the public key"),
    ):
        parser = actions.add_parser(action, help=about)
        parser.add_argument("file", type=Path, metavar="FILE")
        if action == "make":
            parser.add_argument(
                "--keep", action="store_true", help="a key that is there already stays"
            )
        parser.set_defaults(run=partial(_signing_key, action))


def _add_tokens(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    tokens = commands.add_parser("tokens", help="let programs and people in")
    actions = tokens.add_subparsers(metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a token, printed once")
    create.add_argument("name", type=_id, metavar="NAME")
    create.add_argument(
        "--role", required=True, choices=USER_ROLES, type=_role, help="of the user, if it is new"
    )
    create.add_argument("--days", type=_days, default=365, help="how long it is good (365)")
    _add_database(create)
    create.set_defaults(run=_command("create_token"))
    show = actions.add_parser("list", help="show whose tokens there are and until when")
    _add_database(show)
    show.set_defaults(run=_command("list_tokens"))
    revoke = actions.add_parser("revoke", help="end one token")
    revoke.add_argument("token_id", metavar="TOKEN-ID", help="as the list shows it")
    _add_database(revoke)
    revoke.set_defaults(run=_command("revoke_token"))


def _role(text: str) -> str:
    return "read-only" if text == "reader" else text


def _days(text: str) -> int:
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= days <= 3660:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 3660 days")
    return days


def _hours(text: str) -> int:
    hours = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= hours <= 336:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 336 hours")
    return hours


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database", required=True, metavar="PATH", help="the SQLite file, or a postgresql:// URL"
    )


def _id(text: str) -> str:
    from cloud_sync.contract.keys import is_id

    if not is_id(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    return text


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return port


def _command(name: str) -> Run:
    """Runs a function of `commands`, which is only then imported."""

    def run(namespace: argparse.Namespace) -> int:
        from cloud_sync import commands

        return commands.run_command(name, namespace)

    return run


def _signing_key(action: str, namespace: argparse.Namespace) -> int:
    from cloud_sync import commands

    is_there = getattr(namespace, "keep", False) and namespace.file.exists()
    return commands.run_signing_key("show" if is_there else action, namespace.file)


def _serve(namespace: argparse.Namespace) -> int:
    if (namespace.tls_cert is None) != (namespace.tls_key is None):
        print("forepost-cloud: --tls-cert and --tls-key go together", file=sys.stderr)
        return 2
    from cloud_sync import commands

    return commands.run_service(namespace)


if __name__ == "__main__":
    sys.exit(main())
