"""The house rules that no linter states, each as a function from one source file to complaints.

A table may be longer than the limits allow: the line that opens it (or the file's first lines)
then carries the comment `# tidy: table`, so that the exemption is seen where it is used.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
EXEMPT = "# tidy: table"
PRODUCT = ("gateway", "cloud_sync", "device_sim", "optimizer")
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "data", "process", "misc"}

MAY_SHIELD = {"cloud_sync/store/finish.py", "gateway/journal/connection.py"}
"""Where a task may be born outside a TaskGroup: one transaction, shielded against a cancel."""

MAY_CATCH_ALL = {
    "cloud_sync/service/rounds.py",
    "gateway/services/supervisor.py",
}
"""Where `except Exception` may stand: the places that restart what failed and log the trace."""

MAY_READ_THE_CLOCK = {
    "cloud_sync/service/clock.py",
    "device_sim/clock.py",
    "gateway/clock.py",
}
"""Where wall time comes from; everyone else is given it."""


@dataclass(frozen=True)
class Source:
    """One Python file of the repository."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def is_product(self) -> bool:
        return self.path.split("/")[0] in PRODUCT

    @property
    def is_test(self) -> bool:
        return PurePosixPath(self.path).name.startswith("test_")


Complaint = tuple[int, str]
"""Line and what is wrong there."""

Rule = Callable[[Source], Iterator[Complaint]]


def files_are_short(source: Source) -> Iterator[Complaint]:
    if len(source.lines) > FILE_LINES_MAX and not any(EXEMPT in line for line in source.lines[:5]):
        yield len(source.lines), f"more than {FILE_LINES_MAX} lines"


def functions_are_short(source: Source) -> Iterator[Complaint]:
    for node in source.nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if n_lines > FUNCTION_LINES_MAX and EXEMPT not in source.lines[node.lineno - 1]:
            yield node.lineno, f"{node.name} has {n_lines} lines, {FUNCTION_LINES_MAX} allowed"


def modules_are_named_after_what_they_hold(source: Source) -> Iterator[Complaint]:
    for part in PurePosixPath(source.path).with_suffix("").parts:
        if part in BANNED_NAMES:
            yield 1, f"{part!r} names no idea"


def modules_say_what_they_are(source: Source) -> Iterator[Complaint]:
    if source.is_product and source.text.strip() and ast.get_docstring(source.tree) is None:
        yield 1, "no module docstring"


def tests_say_what_they_pin(source: Source) -> Iterator[Complaint]:
    if source.is_test and not source.text.startswith(('"""', "# ")):
        yield 1, "the first line does not say what the file pins"


def tasks_belong_to_a_group(source: Source) -> Iterator[Complaint]:
    if not source.is_product:
        return
    for call in _calls(source):
        name = _dotted(call.func)
        last = name.rpartition(".")[2]
        is_in_group = last == "create_task" and not name.startswith(("asyncio.", "loop."))
        if is_in_group and not any(keyword.arg == "name" for keyword in call.keywords):
            yield call.lineno, "a task without a name"
        is_loose = last in ("create_task", "ensure_future", "gather") and not is_in_group
        if is_loose and source.path not in MAY_SHIELD:
            yield call.lineno, f"{name}: tasks are born inside a TaskGroup"


def failures_are_not_swallowed(source: Source) -> Iterator[Complaint]:
    if not source.is_product or source.path in MAY_CATCH_ALL:
        return
    for node in source.nodes:
        if not isinstance(node, ast.ExceptHandler) or node.type is None:
            continue
        types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        for caught in types:
            is_raised_again = any(
                isinstance(part, ast.Raise) and part.exc is None for part in ast.walk(node)
            )
            if _dotted(caught) in ("Exception", "BaseException") and not is_raised_again:
                yield node.lineno, f"except {_dotted(caught)} outside the supervisor"


def time_is_an_argument(source: Source) -> Iterator[Complaint]:
    if not source.is_product or source.path in MAY_READ_THE_CLOCK:
        return
    readers = ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today")
    for call in _calls(source):
        if _dotted(call.func).endswith(readers):
            yield call.lineno, f"{_dotted(call.func)}: time is an argument"


def invariants_are_raised(source: Source) -> Iterator[Complaint]:
    if not source.is_product:
        return
    for node in source.nodes:
        if isinstance(node, ast.Assert):
            yield node.lineno, "`assert` vanishes under -O; raise AssertionError"


def signatures_are_typed(source: Source) -> Iterator[Complaint]:
    if not source.is_product:
        return
    for node in source.nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += [each for each in (node.args.vararg, node.args.kwarg) if each]
        for annotation in [*(each.annotation for each in arguments), node.returns]:
            if annotation is not None and "Any" in _names(annotation):
                yield node.lineno, f"Any in the signature of {node.name}"


def exemptions_have_reasons(source: Source) -> Iterator[Complaint]:
    for number, line in enumerate(source.lines, 1):
        if not source.is_product or "# type: ignore" not in line:
            continue
        if not re.search(r"# type: ignore\[[a-z, -]+\]  # \S", line):
            yield number, "type: ignore without code and reason"


def log_messages_are_constant(source: Source) -> Iterator[Complaint]:
    for call in _calls(source):
        if not re.fullmatch(
            r"(\w+\.)?logger\.(debug|info|warning|error|exception|critical)", _dotted(call.func)
        ):
            continue
        if call.args and not isinstance(call.args[0], ast.Constant):
            yield call.lineno, "a log message that is not constant; put the parts into extra"


RULES: tuple[Rule, ...] = (
    files_are_short,
    functions_are_short,
    modules_are_named_after_what_they_hold,
    modules_say_what_they_are,
    tests_say_what_they_pin,
    tasks_belong_to_a_group,
    failures_are_not_swallowed,
    time_is_an_argument,
    invariants_are_raised,
    signatures_are_typed,
    exemptions_have_reasons,
    log_messages_are_constant,
)


def _calls(source: Source) -> Iterator[ast.Call]:
    for node in source.nodes:
        if isinstance(node, ast.Call):
            yield node


def _dotted(node: ast.expr) -> str:
    """`a.b.c` for names and attributes; what cannot be named becomes an empty part."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""


def _names(node: ast.expr) -> set[str]:
    """Every name in an annotation, also in one written as a string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return set(re.findall(r"\w+", node.value))
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} | {
        part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)
    }
