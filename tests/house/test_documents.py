# Pins the documents: links that lead somewhere, decisions listed and dated, and nothing in the
# repository that is true on one machine only.

import re
from pathlib import PurePosixPath

from tests.house.tracked import ROOT, read_tracked, tracked_files

DOCUMENTS = [path for path in tracked_files() if path.endswith(".md")]
DECISIONS = [
    path
    for path in DOCUMENTS
    if path.startswith("docs/decisions/") and not path.endswith("README.md")
]


def test_links_lead_somewhere() -> None:
    broken = []
    for path in DOCUMENTS:
        text = re.sub(r"```.*?```", "", read_tracked(path), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (ROOT / PurePosixPath(path).parent / target).exists():
                broken.append(f"{path}: {target}")
    assert len(DOCUMENTS) > 5, "the list of documents is broken"
    assert not broken


def test_pages_that_the_code_names_exist() -> None:
    missing = [
        f"{path}: {page}"
        for path in tracked_files()
        if path.endswith((".py", ".toml", ".service", ".conf"))
        for page in re.findall(r"\bdocs/[a-z0-9_/-]+\.(?:md|svg)\b", read_tracked(path))
        if not (ROOT / page).exists()
    ]
    assert not missing


def test_every_decision_is_listed_once_and_dated() -> None:
    index = read_tracked("docs/decisions/README.md")
    for path in DECISIONS:
        assert index.count(f"]({PurePosixPath(path).name})") == 1, path
        text = read_tracked(path)
        assert re.search(r"^Date: \d{4}-\d\d-\d\d$", text, re.MULTILINE), path
        for part in ("## Context", "## Decision", "## Consequences"):
            assert part in text, f"{path}: {part}"
    assert len(DECISIONS) > 5


def test_the_glossary_is_in_order() -> None:
    terms = re.findall(r"^\*\*(.+?)\*\*", read_tracked("docs/glossary.md"), re.MULTILINE)
    assert len(terms) > 30
    assert terms == sorted(terms, key=str.casefold)


def test_nothing_is_true_on_one_machine_only() -> None:
    # Absolute paths under somebody's home or workplace, and places to fetch packages from.
    suspicious = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/\w|index-url|pythonhosted")
    found = [
        f"{path}: {match[0]}"
        for path in tracked_files()
        if not path.endswith((".png", ".svg", ".gz", ".bin", ".db"))
        and path != "tests/house/test_documents.py"
        for match in suspicious.finditer(read_tracked(path))
    ]
    assert not found
