"""Qwen Code, run headless with its stream of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from chargehand.agents import errors
from chargehand.agents.providers import SHUT, AnyProvider
from chargehand.agents.stream import Reader, short
from chargehand.model.signals import Signal
from chargehand.model.work import AgentError, Tokens
from chargehand.ports import Call, Prepared

_CHANGING = "agent,edit,notebook_edit,run_shell_command,write_file"
_FILE_TOOLS = frozenset({"edit", "notebook_edit", "write_file"})
_NOT_HERE = "cron_create,cron_delete,cron_list,enter_worktree,exit_worktree,loop_wakeup,send_message"
"""Tools that work elsewhere or later: an attempt is one process in one workspace."""

_QUIET = {
    "QWEN_CODE_NO_RELAUNCH": "1",
    "QWEN_CODE_SUPPRESS_YOLO_WARNING": "1",
    "QWEN_TELEMETRY_ENABLED": "0",
    "QWEN_USAGE_STATISTICS_ENABLED": "0",
}

# --- its stream -----------------------------------------------------------------------------------------------------------------


class _System(msgspec.Struct):
    subtype: str = ""
    session_id: str = ""
    model: str = ""


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0

    def tokens(self) -> Tokens:
        """Here, unlike where its stream was taken from, what was cached is part of the input."""
        cached, written = self.cache_read_input_tokens, self.cache_creation_input_tokens
        return Tokens(max(0, self.input_tokens - cached - written), cached, written, self.output_tokens)


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    name: str = ""
    input: Any = None
    is_error: bool = False
    content: Any = None


class _Message(msgspec.Struct):
    id: str = ""
    content: list[_Block] | str = ""
    usage: _Usage | None = None


class _Said(msgspec.Struct):
    message: _Message


class _Denial(msgspec.Struct):
    tool_name: str = ""


class _Cause(msgspec.Struct):
    message: str = ""


class _Result(msgspec.Struct):
    is_error: bool
    subtype: str
    result: str = ""
    error: _Cause | None = None
    usage: _Usage | None = None
    permission_denials: list[_Denial] = []
    structured_result: Any = None


def _system(event: _System) -> Iterator[Signal]:
    if event.subtype == "init":
        yield Signal(kind="session", name=event.session_id, text=event.model)


def _said(event: _Said) -> Iterator[Signal]:
    message = event.message
    for block in message.content if isinstance(message.content, list) else []:
        yield from _block(block)
    if message.usage:
        yield Signal(kind="usage", name=message.id, tokens=message.usage.tokens())


def _block(block: _Block) -> Iterator[Signal]:
    given = block.input if isinstance(block.input, dict) else {}
    match block.type:
        case "text":
            yield Signal(kind="text", text=block.text)
        case "thinking":
            yield Signal(kind="thinking", text=block.thinking)
        case "tool_use" if block.name == "ask_user_question":
            yield Signal(kind="question", text=short(given))
        case "tool_use":
            yield Signal(kind="tool", name=block.name, text=short(given))
            path = given.get("file_path") or given.get("notebook_path")
            if block.name in _FILE_TOOLS and isinstance(path, str):
                yield Signal(kind="file", name=path)
        case "tool_result":
            yield Signal(kind="tool_result", text=short(block.content), failed=block.is_error)


def _result(event: _Result) -> Iterator[Signal]:
    for denial in event.permission_denials:
        yield Signal(kind="denied", name=denial.tool_name)
    failed = event.is_error or event.subtype != "success"
    said = (event.error.message if event.error else "") or event.result or event.subtype.replace("_", " ")
    error = None
    if failed and event.subtype == "error_max_turns":
        error = AgentError(kind="turn_limit", message=said[: errors.MESSAGE_LIMIT])
    elif failed and "empty response" in said:
        error = AgentError(kind="empty", message=said[: errors.MESSAGE_LIMIT])
    elif failed:
        error = errors.error(said)
    answer = event.result
    if event.structured_result is not None:
        answer = msgspec.json.encode(event.structured_result).decode()
    tokens = event.usage.tokens() if event.usage else None
    yield Signal(kind="final", text=answer, failed=failed, tokens=tokens, error=error)


# --- how it is started ----------------------------------------------------------------------------------------------------------


class QwenAgent(AnyProvider):
    """An `Agent` that is Qwen Code. A session is found again in the same HOME and workspace."""

    program = "qwen"
    install = "npm i -g @qwen-code/qwen-code"
    key: ClassVar[str] = "OPENAI_API_KEY"
    login = (".qwen/oauth_creds.json",)
    sums: ClassVar[frozenset[str]] = frozenset({"tokens"})
    reader = Reader(
        {"system": (_System, _system), "assistant": (_Said, _said), "user": (_Said, _said), "result": (_Result, _result)},
        bulk=rb'^\{"type":"user"',
    )

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        access = self.access(call, ambient)
        words = [self.executable(ambient), "--output-format", "stream-json", "--yolo"]
        words += ["--auth-type", self.api if access.key else "qwen-oauth"]
        words += ["--model", self.bare] if self.model else []
        words += ["--max-session-turns", str(self.config.max_turns)]
        words += self._session(call)
        words += [] if call.trusted else ["--safe-mode"]
        words += ["--exclude-tools", f"{_CHANGING},{_NOT_HERE}" if call.read_only else _NOT_HERE]
        files = {".qwen/system.json": self._settings(call)}
        if call.schema:
            files["answer.schema.json"] = call.schema
            words += ["--json-schema", f"@{call.home}/answer.schema.json"]
        instructions = self.instructions(call)
        words += ["--append-system-prompt", instructions] if instructions else []
        env = SHUT | _QUIET | {"QWEN_CODE_SYSTEM_SETTINGS_PATH": f"{call.home}/.qwen/system.json"}
        if access.key:
            name = self.api.upper()
            url = "GOOGLE_GEMINI_BASE_URL" if self.api == "gemini" else f"{name}_BASE_URL"
            address = self.address(access.url) if self.api == "openai" else access.url
            env |= {f"{name}_API_KEY": access.key, url: address, f"{name}_MODEL": self.bare}
        return Prepared(argv=(*words, *self.config.args), env=env | self.passed(ambient), files=files)

    def _session(self, call: Call) -> list[str]:
        if not call.resume:
            return ["--session-id", call.session] if call.session else []
        return ["--resume", call.resume, *(["--fork-session"] if call.fork else [])]

    def _settings(self, call: Call) -> str:
        """What no other settings can change."""
        settings: dict[str, Any] = {
            "general": {"checkForUpdates": False, "disableAutoUpdate": True, "disableUpdateNag": True, "enableAutoUpdate": False},
            "model": {"generationConfig": {"maxRetries": 0}},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }
        if not call.trusted:
            settings |= {"disableAllHooks": True, "mcp": {"allowed": []}}
        return json.dumps(settings)
