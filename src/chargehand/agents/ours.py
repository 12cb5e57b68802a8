"""What agents have in common whose program is our own: how it is started, and the one stream that they all print.

A line is a JSON object with ``type``, a signal's kind, and that signal's fields. What failed is told as it came (``status``,
``code``, ``text``) and classified here, so that the programs need nothing but Python's own library.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, get_args

import msgspec

from chargehand.agents import errors
from chargehand.agents.driver import Driver, beyond_system
from chargehand.agents.programs.lines import KEY
from chargehand.agents.stream import Reader
from chargehand.model.signals import Signal, SignalKind
from chargehand.model.work import AgentError, ErrorClass, Tokens
from chargehand.ports import Call, Prepared

_PACKAGE = Path(__file__).absolute().parents[1]
_SETTINGS = "agent.json"

# Isolated, so that nothing of the workspace or of the environment is imported; what is needed is named instead.
_ENTRY = (
    "import importlib, sys; paths, module = sys.argv[1:3]; del sys.argv[1:3];"
    " sys.path[:0] = paths.split(':'); sys.exit(importlib.import_module(module).main())"
)


class _Line(msgspec.Struct):
    type: SignalKind
    text: str = ""
    name: str = ""
    failed: bool = False
    tokens: Tokens | None = None
    cost_usd: float | None = None
    status: int = 0
    code: str = ""
    otherwise: ErrorClass | None = None
    retry_after_s: float = 0.0


def _signal(line: _Line) -> Iterator[Signal]:
    error: AgentError | None = None
    if line.otherwise and not (line.status or line.code):
        error = AgentError(kind=line.otherwise, message=line.text[: errors.MESSAGE_LIMIT], retry_after_s=line.retry_after_s)
    elif line.type in ("error", "wait") or (line.type == "final" and line.failed):
        error = errors.error(
            line.text, line.status, line.code, otherwise=line.otherwise or "crash", retry_after_s=line.retry_after_s
        )
    yield Signal(
        kind=line.type,
        text=line.text,
        name=line.name,
        failed=line.failed,
        tokens=line.tokens,
        cost_usd=line.cost_usd,
        error=error,
    )


class Ours(Driver):
    """An `Agent` whose program is a module of ours. A kind says which, and what it is told."""

    program = "python3"
    install = "pip install chargehand"
    key: ClassVar[str] = ""
    module: ClassVar[str]
    reader = Reader(dict.fromkeys(get_args(SignalKind), (_Line, _signal)), bulk=rb'"type": ?"tool_result"')

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""
        return ""

    def places(self) -> tuple[str, ...]:
        """Our interpreter with what is installed for it, and our package."""
        return beyond_system([Path(sys.prefix), Path(sys.base_prefix), _PACKAGE, *self.libraries()])

    def libraries(self) -> tuple[Path, ...]:
        """Folders with packages it needs, where they may be elsewhere than our own."""
        return ()

    def start(self, call: Call, ambient: Mapping[str, str], told: Mapping[str, Any], key: str = "") -> Prepared:
        """Its program with what it is told, in a file of its HOME, and the key, which is in its environment only."""
        paths = ":".join(str(path) for path in (_PACKAGE.parent, *self.libraries()))
        argv = (sys.executable, "-I", "-c", _ENTRY, paths, f"chargehand.agents.programs.{self.module}")
        env = ({KEY: key} if key else {}) | self.passed(ambient)
        return Prepared(argv=(*argv, f"{call.home}/{_SETTINGS}"), env=env, files={_SETTINGS: json.dumps(told)})
