"""Gemini CLI, run headless with its stream of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from chargehand.agents import errors
from chargehand.agents.driver import Driver
from chargehand.agents.providers import SHUT, with_schema
from chargehand.agents.stream import Reader, short
from chargehand.model.signals import Signal
from chargehand.model.work import AgentError, Exit, Report, Tally, Tokens
from chargehand.ports import Api, Call, Prepared

_READING = ["glob", "grep_search", "list_directory", "read_file", "read_many_files", "search_file_content"]
_FILE_TOOLS = frozenset({"edit", "replace", "write_file"})
_TURN_LIMIT = 53
"""Its exit code when it has had all its turns."""

# --- its stream -----------------------------------------------------------------------------------------------------------------


class _Init(msgspec.Struct):
    session_id: str
    model: str = ""


class _Said(msgspec.Struct):
    role: str
    content: str = ""


class _ToolUse(msgspec.Struct):
    tool_name: str
    parameters: Any = None


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _ToolResult(msgspec.Struct):
    status: str = ""
    output: Any = None
    error: _Error | None = None


class _Trouble(msgspec.Struct):
    severity: str = ""
    message: str = ""


class _Stats(msgspec.Struct):
    total_tokens: int = 0
    input_tokens: int = 0
    cached: int = 0


class _Result(msgspec.Struct):
    status: str
    error: _Error | None = None
    stats: _Stats | None = None


def _init(event: _Init) -> Iterator[Signal]:
    yield Signal(kind="session", name=event.session_id, text=event.model)


def _message(event: _Said) -> Iterator[Signal]:
    if event.role == "assistant" and event.content:
        yield Signal(kind="text", text=event.content)


def _tool(event: _ToolUse) -> Iterator[Signal]:
    given = event.parameters if isinstance(event.parameters, dict) else {}
    yield Signal(kind="tool", name=event.tool_name, text=short(given))
    if event.tool_name in _FILE_TOOLS and isinstance(path := given.get("file_path"), str):
        yield Signal(kind="file", name=path)


def _tool_result(event: _ToolResult) -> Iterator[Signal]:
    error = event.error or _Error()
    if error.type == "policy_violation":
        yield Signal(kind="denied", name=short(error.message))
    yield Signal(kind="tool_result", text=short(error.message or event.output), failed=event.status != "success")


def _trouble(event: _Trouble) -> Iterator[Signal]:
    if event.severity == "warning":
        yield Signal(kind="thinking", text=event.message)
        return
    empty = "empty response" in event.message
    error = AgentError(kind="empty", message=event.message) if empty else errors.error(event.message)
    yield Signal(kind="error", text=event.message, error=error)


def _result(event: _Result) -> Iterator[Signal]:
    tokens = None
    if used := event.stats:
        # What it thought is only in the total.
        output = max(0, used.total_tokens - used.input_tokens)
        tokens = Tokens(max(0, used.input_tokens - used.cached), used.cached, 0, output)
    failed = event.status != "success"
    error = errors.error(event.error.message, code=event.error.type) if event.error else None
    yield Signal(kind="final", failed=failed, tokens=tokens, error=error)


def _whole(signals: Iterable[Signal]) -> Iterator[Signal]:
    """Its story with its words, which it tells in pieces, put together. An answer that broke off is a success to it; but then
    nothing was said after the last tool."""
    said: list[str] = []
    last = ""
    for signal in signals:
        if signal.kind == "text":
            said.append(signal.text)
            continue
        if said:
            yield Signal(kind="text", text="".join(said))
            said, last = [], "text"
        if signal.kind == "final" and not signal.failed and last == "tool_result":
            cut = AgentError(kind="network", message="the answer broke off: nothing was said after the last tool")
            yield msgspec.structs.replace(signal, failed=True, error=cut)
        else:
            yield signal
        last = signal.kind
    if said:
        yield Signal(kind="text", text="".join(said))


# --- how it is started ----------------------------------------------------------------------------------------------------------


class GeminiAgent(Driver):
    """An `Agent` that is Gemini CLI. It cannot fork a session; it goes on with it. A session is found again in the same HOME and
    workspace."""

    program = "gemini"
    install = "npm i -g @google/gemini-cli"
    speaks: ClassVar[tuple[Api, ...]] = ("gemini",)
    key = "GEMINI_API_KEY"
    login = (".gemini/google_accounts.json", ".gemini/oauth_creds.json")
    login_hosts = ("cloudcode-pa.googleapis.com", "oauth2.googleapis.com", "www.googleapis.com")
    reader = Reader(
        {
            "init": (_Init, _init),
            "message": (_Said, _message),
            "tool_use": (_ToolUse, _tool),
            "tool_result": (_ToolResult, _tool_result),
            "error": (_Trouble, _trouble),
            "result": (_Result, _result),
        },
        bulk=rb'^\{"type":"tool_result"',
    )

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        access = self.access(call, ambient)
        # It does nothing at all in a folder that is not trusted; that its settings are not obeyed is another matter.
        words = [self.executable(ambient), "--output-format", "stream-json", "--approval-mode", "yolo", "--skip-trust"]
        words += ["--model", self.model] if self.model else []
        words += ["--resume", call.resume] if call.resume else ["--session-id", call.session] if call.session else []
        files = {".gemini/settings.json": self._settings(call, key=bool(access.key))}
        if instructions := with_schema(self.instructions(call), call.schema):
            files[".gemini/GEMINI.md"] = instructions
        env = SHUT | {
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "GEMINI_SANDBOX": "",
            "GEMINI_SYSTEM_MD": "",
        }
        if call.trusted:
            env["GEMINI_CLI_TRUST_WORKSPACE"] = "true"
        if access.key:
            env["GEMINI_API_KEY"] = access.key
        if access.url:
            env["GOOGLE_GEMINI_BASE_URL"] = access.url
        return Prepared(argv=(*words, *self.config.args), env=env | self.passed(ambient), files=files)

    def _settings(self, call: Call, *, key: bool) -> str:
        settings: dict[str, Any] = {
            "general": {
                "disableAutoUpdate": True,
                "enableAutoUpdate": False,
                "enableAutoUpdateNotification": False,
                "maxAttempts": 1,
            },
            "model": {"maxSessionTurns": self.config.max_turns},
            "privacy": {"usageStatisticsEnabled": False},
            "security": {"auth": {"selectedType": "gemini-api-key" if key else "oauth-personal"}},
            "telemetry": {"enabled": False},
        }
        if not call.trusted:
            settings["hooksConfig"] = {"enabled": False}
            settings["mcp"] = {"allowed": []}
        if call.read_only:
            settings["tools"] = {"core": _READING}
        return json.dumps(settings)

    def told(self, stdout: Path) -> Iterator[Signal]:
        """All that a transcript tells a report."""
        return _whole(self.reader.read(stdout))

    def report(self, stdout: Path, exit_: Exit, before: Tally) -> Report:
        """What the transcript says. Its exit code is the provider's status, as far as that fits into one."""
        report = super().report(stdout, exit_, before)
        code, error = exit_.code, report.error
        if code == _TURN_LIMIT:
            error = AgentError(kind="turn_limit", message=error.message if error else "it has had all its turns")
        elif code and error and error.kind == "crash":
            status = next((status for status in (code + 256, code + 512) if status in _STATUSES), 0)
            error = errors.error(error.message, status)
        return msgspec.structs.replace(report, error=error)


_STATUSES = frozenset({400, 401, 402, 403, 404, 408, 413, 429, 500, 502, 503, 504, 529})
