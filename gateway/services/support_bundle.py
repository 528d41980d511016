"""`forepost-gateway support-bundle`: what somebody far away needs to help, in one file.

It is made of a gateway that runs or not, with a configuration that is good or not; what cannot be
had is named with the reason, and the rest goes on. No secret leaves the box (core/redaction.py):
files that hold one are never packed, and everything that is packed has passed the redaction. Each
part has a bound, so that the whole can be sent by mail.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from gateway.clock import SystemClock
from gateway.core.redaction import Redactor
from gateway.errors import ConfigError, GatewayError
from gateway.journal import inspection
from gateway.journal.connection import FILE
from gateway.journal.durable import SECRET, put_file
from gateway.journal.last_state import SQLITE_VERSION, newest_quarantined
from gateway.ops.metrics import render_metrics
from gateway.ops.screen import render_status
from gateway.services.last_words import read_report
from gateway.settings import Settings, load_settings

PART_BYTES_MAX: Final = 2 * 2**20
LOG_LINES: Final = 5000
QUARANTINE_SHOWN: Final = 100
RAW_SHOWN: Final = 80
FILES_SHOWN: Final = 500
VERIFIED_BYTES_MAX: Final = 256 * 2**20
"""A larger journal is checked by `journal verify`, which takes its time."""
COMMAND_S: Final = 30.0
UNITS: Final = ("forepost-gateway", "mosquitto")
CREDENTIALS: Final = (
    Path("/etc/forepost/credentials"),
    Path("/run/credentials/forepost-gateway.service"),
)
SECRET_BYTES_MAX: Final = 65_536

Part = tuple[str, Callable[[], str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="default: a name with the time, here"
    )
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration"
    )


def run(namespace: argparse.Namespace) -> int:
    """Write the bundle and say what is in it. Raises GatewayError."""
    at = datetime.fromtimestamp(SystemClock().wall_us() / 1e6, UTC)
    target = namespace.file or Path(f"forepost-support-{at:%Y%m%dT%H%M%SZ}.tar.gz")
    names = write_bundle(namespace.config, target, at=at)
    print(f"{target}: {', '.join(names)}")
    print("it holds no secrets; what devices are called, their last readings and logs are in it")
    return 0


def write_bundle(config: Path, target: Path, *, at: datetime) -> list[str]:
    """Pack everything; gives the parts' names. Raises GatewayError if it cannot be written."""
    settings, trouble = None, ""
    try:
        settings = load_settings(config)
    except ConfigError as error:
        trouble = str(error)
    redactor = Redactor(_secrets(config, settings))
    packed = io.BytesIO()
    names = []
    with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
        for name, make in _parts(config, settings, trouble):
            text = redactor.text(_made(make)).encode(errors="backslashreplace")
            content = text[-PART_BYTES_MAX:]
            member = tarfile.TarInfo(f"forepost-support/{name}")
            member.size, member.mtime, member.mode = len(content), int(at.timestamp()), SECRET
            bundle.addfile(member, io.BytesIO(content))
            names.append(name)
    try:
        put_file(target.absolute(), packed.getvalue(), mode=SECRET)
    except OSError as error:
        raise GatewayError(f"{target}: not written: {error.strerror}") from error
    return names


def _made(make: Callable[[], str]) -> str:
    try:
        return make()
    except (GatewayError, OSError, ValueError) as error:
        return f"not to be had: {error}\n"


def _parts(config: Path, settings: Settings | None, trouble: str) -> Iterator[Part]:
    yield "versions.json", _versions
    yield "configuration.json", lambda: _configuration(config, trouble)
    yield "files.txt", lambda: _files(config, settings)
    if settings is not None:
        report = read_report(settings)
        journal = settings.gateway.state_dir / FILE
        yield "status.txt", lambda: render_status(report) + "\n"
        yield "status.json", lambda: _json(report)
        yield "metrics.txt", lambda: render_metrics(report)
        yield "journal.json", lambda: _journal(journal)
        yield "quarantine.txt", lambda: _quarantine(journal)
    for unit in UNITS:
        yield f"log-{unit}.txt", lambda unit=unit: _log(unit)  # type: ignore[misc]  # bound now
        yield f"unit-{unit}.txt", lambda unit=unit: _unit(unit)  # type: ignore[misc]  # bound now


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"


def _versions() -> str:
    packages = {it.metadata["Name"]: it.version for it in distributions()}
    return _json(
        {
            "python": platform.python_version(),
            "sqlite": SQLITE_VERSION,
            "system": dict(zip(("system", "node", "kernel"), os.uname()[:3], strict=True)),
            "machine": platform.machine(),
            "distribution": platform.freedesktop_os_release().get("PRETTY_NAME"),
            "packages": dict(sorted(packages.items())),
        }
    )


def _configuration(config: Path, trouble: str) -> str:
    """What the file says; not the file: nobody knows what stands in its comments."""
    shown: dict[str, object] = {"path": str(config)}
    if trouble:
        shown["trouble"] = trouble
    try:
        told = tomllib.loads(config.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError:
        return _json(shown)  # text that does not parse cannot be told from a secret
    shown["told"] = Redactor(()).value(told)
    return _json(shown)


def _files(config: Path, settings: Settings | None) -> str:
    """Names, sizes and owners; never what is in them."""
    directories = [config.absolute().parent]
    if settings is not None:
        directories.append(settings.gateway.state_dir)
    lines = []
    for directory in directories:
        for path in sorted(directory.rglob("*"))[:FILES_SHOWN]:
            found = path.lstat()
            at = datetime.fromtimestamp(found.st_mtime, UTC)
            lines.append(
                f"{found.st_mode:06o} {found.st_uid}:{found.st_gid} {found.st_size:>12}"
                f" {at:%Y-%m-%dT%H:%M:%SZ} {path}"
            )
    return "\n".join(lines) + "\n"


def _journal(path: Path) -> str:
    with inspection.open_read_only(path) as connection:
        found: dict[str, object] = dict(inspection.summary(connection, path))
        if path.stat().st_size > VERIFIED_BYTES_MAX:
            found["verified"] = "not here: run `forepost-gateway journal verify`"
        else:
            verdict = inspection.verify(connection, path)
            found["verified"] = {
                "rows": verdict.n_rows,
                "head": verdict.head.hex(),
                "problems": list(verdict.problems),
            }
    return _json(found)


def _quarantine(path: Path) -> str:
    with inspection.open_read_only(path) as connection:
        found = newest_quarantined(connection, QUARANTINE_SHOWN)
    return "".join(
        f"{id_} {it.received_at_us} {it.device} {it.kind}: {it.reason};"
        f" {len(it.raw)} bytes {_head(it.raw)}\n"
        for id_, it in found
    )


def _head(raw: bytes) -> str:
    """The first bytes, readable, so that the redaction sees what stands there."""
    text = raw[:RAW_SHOWN].decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _log(unit: str) -> str:
    return _command(
        "journalctl", "--no-pager", "--output=short-iso", f"--unit={unit}", f"--lines={LOG_LINES}"
    )


def _unit(unit: str) -> str:
    return _command("systemctl", "--no-pager", "--full", "--lines=0", "status", unit)


def _command(program: str, *arguments: str) -> str:
    found = shutil.which(program)
    if found is None:
        return f"not to be had: there is no {program} here\n"
    try:
        done = subprocess.run(  # noqa: S603 -- no word of it comes from outside
            [found, *arguments],
            capture_output=True,
            timeout=COMMAND_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not to be had: {program} takes longer than {COMMAND_S:.0f} s\n"
    return (done.stdout + done.stderr).decode(errors="backslashreplace")


def _secrets(config: Path, settings: Settings | None) -> Iterator[bytes]:
    """What the files say that hold secrets, as far as we may read them."""
    paths: set[Path] = set()
    try:
        told = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {}
    paths.update(_secret_files(told))
    state_dir = Path("/var/lib/forepost") if settings is None else settings.gateway.state_dir
    for directory in (*CREDENTIALS, state_dir / "cloud", config.absolute().parent / "credentials"):
        paths.update(directory.glob("*"))
    paths.update(state_dir.glob("*token*"))
    for path in sorted(paths):
        try:
            with path.open("rb") as file:
                content = file.read(SECRET_BYTES_MAX)
        except OSError:
            continue
        if not content.startswith(b"-----BEGIN CERTIFICATE"):
            yield content


def _secret_files(told: object) -> Iterator[Path]:
    """Files that the configuration names: by a key, or in a device's address."""
    if isinstance(told, Mapping):
        for key, value in told.items():
            if isinstance(value, str) and str(key).endswith("_file"):
                yield Path(value)
            elif isinstance(value, str) and "_file=" in value:
                yield Path(value.partition("_file=")[2].partition("&")[0])
            else:
                yield from _secret_files(value)
    elif isinstance(told, list):
        for value in told:
            yield from _secret_files(value)
