# Pins the cloud's container files: one door, no secret on a command line, what they name exists.

import re
import subprocess
from pathlib import Path
from typing import cast

import pytest
import yaml

from cloud_sync.contract.batches import MAX_BATCH_BYTES
from tests.house.tracked import ROOT

DEPLOY = ROOT / "deploy"
Service = dict[str, object]


@pytest.fixture
def services() -> dict[str, Service]:
    text = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return cast(dict[str, Service], text["services"])


def test_only_the_proxy_is_reached_from_outside(services: dict[str, Service]) -> None:
    assert [name for name, it in services.items() if "ports" in it] == ["proxy"]
    assert services["database"]["networks"] == ["inside"]
    text = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert text["networks"]["inside"] == {"internal": True}


def test_no_secret_stands_in_an_environment(services: dict[str, Service]) -> None:
    for it in services.values():
        for key, value in cast(dict[str, str], it.get("environment", {})).items():
            if re.search("PASSWORD|TOKEN|KEY", key):
                assert key.endswith("_FILE")
                assert value.startswith("/run/secrets/")


def test_what_is_built_is_there(services: dict[str, Service]) -> None:
    build = cast(dict[str, str], services["cloud"]["build"])
    dockerfile = (DEPLOY / build["context"] / build["dockerfile"]).read_text()
    for words in re.findall(
        r"^COPY (?:--chmod=\S+ )?(?!--from)(.+) \S+$", dockerfile, re.MULTILINE
    ):
        for source in words.split():
            if not source.startswith("dist/"):
                assert (ROOT / source).exists(), source
    for volume in cast(list[str], services["proxy"]["volumes"]):
        source = volume.partition(":")[0]
        assert not source.startswith(".") or (DEPLOY / source).exists(), source


def test_the_password_goes_to_the_program_by_its_environment(tmp_path: Path) -> None:
    program = tmp_path / "forepost-cloud"
    program.write_text('#!/bin/sh\necho "$PGPASSWORD"; echo "$@"\n')
    program.chmod(0o755)
    (tmp_path / "database-password").write_text("secret\n")
    script = (DEPLOY / "cloud/serve").read_text().replace("/run/secrets", str(tmp_path))
    done = subprocess.run(
        ["sh", "-c", script, "serve"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    _, made, password, command = done.stdout.splitlines()
    assert made == "signing-key make --keep /keys/signing-key"
    assert password == "secret"
    assert command.startswith("serve --signing-key /keys/signing-key --host 0.0.0.0")
    assert "secret" not in command


def test_the_proxy_lets_the_largest_batch_through() -> None:
    limit = re.search(r"max_size (\d+)MB", (DEPLOY / "cloud/Caddyfile").read_text())
    assert limit is not None
    assert int(limit[1]) * 1_000_000 >= MAX_BATCH_BYTES
