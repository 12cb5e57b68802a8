"""Droid, run once with its stream of JSON lines, on a model of the user's own choice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from chargehand.agents import errors
from chargehand.agents.providers import OURS, AnyProvider, with_schema
from chargehand.agents.stream import Reader, short
from chargehand.model.signals import Signal
from chargehand.model.work import AgentError, Exit, Report, Tally, Tokens
from chargehand.ports import Api, Call, Gateway, Prepared

_READING = "Read,LS,Grep,Glob"
_FILE_TOOLS = frozenset({"ApplyPatch", "Create", "Edit"})
_OUTPUT = 32_000

_QUIET = {
    "FACTORY_AIRGAP_ENABLED": "true",
    "FACTORY_DISABLE_KEYRING": "1",
    "FACTORY_DROID_AUTO_UPDATE_ENABLED": "false",
    "FACTORY_OTEL_ENABLED": "false",
}

# --- its stream -----------------------------------------------------------------------------------------------------------------


class _System(msgspec.Struct):
    subtype: str = ""
    session_id: str = ""
    model: str = ""


class _Said(msgspec.Struct):
    role: str
    text: str = ""


class _ToolCall(msgspec.Struct):
    toolName: str  # noqa: N815  the stream's name
    parameters: Any = None


class _ToolResult(msgspec.Struct):
    toolId: str = ""  # noqa: N815
    isError: bool = False  # noqa: N815
    value: Any = None


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


class _Completion(msgspec.Struct):
    finalText: str = ""  # noqa: N815
    usage: _Usage | None = None


class _Error(msgspec.Struct):
    source: str = ""
    message: str = ""


def _system(event: _System) -> Iterator[Signal]:
    if event.subtype == "init":
        yield Signal(kind="session", name=event.session_id, text=event.model)


def _message(event: _Said) -> Iterator[Signal]:
    if event.role == "assistant" and event.text:
        yield Signal(kind="text", text=event.text)


def _tool(event: _ToolCall) -> Iterator[Signal]:
    given = event.parameters if isinstance(event.parameters, dict) else {}
    if event.toolName == "AskUser":
        yield Signal(kind="question", text=short(given))
        return
    yield Signal(kind="tool", name=event.toolName, text=short(given))
    if event.toolName in _FILE_TOOLS and isinstance(path := given.get("file_path"), str):
        yield Signal(kind="file", name=path)


def _tool_result(event: _ToolResult) -> Iterator[Signal]:
    yield Signal(kind="tool_result", name=event.toolId, text=short(event.value), failed=event.isError)


def _completion(event: _Completion) -> Iterator[Signal]:
    tokens = None
    if used := event.usage:
        tokens = Tokens(used.input_tokens, used.cache_read_input_tokens, used.cache_creation_input_tokens, used.output_tokens)
    yield Signal(kind="final", text=event.finalText, tokens=tokens)


def _error(event: _Error) -> Iterator[Signal]:
    error = errors.error(event.message)
    if event.source != "cli":
        yield Signal(kind="error", text=event.message, error=error)
    else:  # its last word, which hides the cause it told before
        yield Signal(kind="final", failed=True, error=None if event.message == "Exec failed" else error)


# --- how it is started ----------------------------------------------------------------------------------------------------------


class DroidAgent(AnyProvider):
    """An `Agent` that is Droid. It chooses the ids of its sessions, and goes on with a copy of one. A session is found again in the
    same HOME and workspace."""

    endless = True
    program = "droid"
    install = "npm i -g droid"
    speaks: ClassVar[tuple[Api, ...]] = ("anthropic", "openai")
    key: ClassVar[str] = "ANTHROPIC_API_KEY"
    login = (".factory/auth.encrypted", ".factory/auth.v2.file", ".factory/auth.v2.key")
    login_hosts = ("api.factory.ai", "api.workos.com")
    reader = Reader(
        {
            "system": (_System, _system),
            "message": (_Said, _message),
            "tool_call": (_ToolCall, _tool),
            "tool_result": (_ToolResult, _tool_result),
            "completion": (_Completion, _completion),
            "error": (_Error, _error),
        },
        bulk=rb'^\{"type":"tool_result"',
    )

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        access = self.access(call, ambient)
        words = [self.executable(ambient), "exec", "--output-format", "stream-json", "--cwd", call.workspace]
        words += ["--settings", f"{call.home}/settings.json"]
        words += ["--only-tools", _READING] if call.read_only else ["--skip-permissions-unsafe"]
        files = {"settings.json": self._settings(call)}
        env: dict[str, str] = {}
        if access.key:
            files[".factory/settings.json"] = self._models(access, native=not self.upstream(ambient))
            words += ["--model", f"custom:{OURS}-0"]
            # It wants one of its maker's, which nobody ever looks at.
            env = _QUIET | {"FACTORY_API_KEY": "none"}
        elif self.model:
            words += ["--model", self.model]
        # To go on with the session itself it asks its maker for it.
        words += ["--fork", call.resume] if call.resume else []
        if instructions := with_schema(self.instructions(call), call.schema):
            files["instructions.md"] = instructions
            words += ["--append-system-prompt-file", f"{call.home}/instructions.md"]
        return Prepared(argv=(*words, *self.config.args), env=env | self.passed(ambient), files=files)

    def report(self, stdout: Path, exit_: Exit, before: Tally) -> Report:
        """What the transcript says of the call. Of a session that is not there it says nothing at all."""
        report = super().report(stdout, exit_, before)
        silent = exit_.code == 1 and before != Tally() and not (exit_.stdout_bytes or exit_.stderr_bytes)
        if not silent:
            return report
        error = AgentError(kind="session_lost", message="it said nothing: the session to go on with is not there")
        return msgspec.structs.replace(report, usage=Tokens().usage(0.0), error=error)

    def _settings(self, call: Call) -> str:
        settings: dict[str, Any] = {"autoUpdate": False, "cloudSessionSync": False, "includeCoAuthoredByDroid": False}
        if not call.trusted:
            settings |= {"hooks": {"hooksDisabled": True}, "hooksDisabled": True, "mcpPolicy": {"enabled": True, "allowlist": []}}
        return json.dumps(settings)

    def _models(self, access: Gateway, *, native: bool) -> str:
        other = "openai" if native else "generic-chat-completion-api"
        model = {
            "model": self.bare,
            "displayName": OURS,
            "baseUrl": access.url if self.api == "anthropic" else self.address(access.url),
            "apiKey": access.key,
            "provider": "anthropic" if self.api == "anthropic" else other,
            "maxOutputTokens": _OUTPUT,
        }
        return json.dumps({"customModels": [model]})
