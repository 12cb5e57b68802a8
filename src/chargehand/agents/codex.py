"""Codex, run headless with its stream of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import ClassVar

import msgspec

from chargehand.agents import errors
from chargehand.agents.driver import Driver
from chargehand.agents.stream import Reader, short
from chargehand.model.signals import Signal
from chargehand.model.work import Tokens
from chargehand.ports import Api, Call, Gateway, Prepared

_PROVIDER = "https://api.openai.com/v1"

# --- its stream -----------------------------------------------------------------------------------------------------------------


class _Thread(msgspec.Struct):
    thread_id: str


class _Change(msgspec.Struct):
    path: str = ""


class _Item(msgspec.Struct):
    type: str = ""
    text: str = ""
    message: str = ""
    command: str = ""
    server: str = ""
    tool: str = ""
    query: str = ""
    status: str = ""
    exit_code: int | None = None
    aggregated_output: str = ""
    changes: list[_Change] = []


class _ItemEvent(msgspec.Struct):
    item: _Item


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0


class _Turn(msgspec.Struct):
    usage: _Usage | None = None


class _Failure(msgspec.Struct):
    message: str = ""


class _Failed(msgspec.Struct):
    error: _Failure


def _thread(event: _Thread) -> Iterator[Signal]:
    yield Signal(kind="session", name=event.thread_id)


def _started(event: _ItemEvent) -> Iterator[Signal]:
    item = event.item
    match item.type:
        case "command_execution":
            yield Signal(kind="tool", name="shell", text=short(item.command))
        case "mcp_tool_call":
            yield Signal(kind="tool", name=f"{item.server}.{item.tool}")


def _completed(event: _ItemEvent) -> Iterator[Signal]:
    item = event.item
    match item.type:
        case "agent_message":
            yield Signal(kind="text", text=item.text)
        case "reasoning":
            yield Signal(kind="thinking", text=item.text)
        case "error":  # a warning: what ends a turn comes as an event of its own
            yield Signal(kind="thinking", text=item.message)
        case "web_search":
            yield Signal(kind="tool", name="web_search", text=short(item.query))
        case "file_change":
            for change in item.changes:
                yield Signal(kind="file", name=change.path, failed=item.status == "failed")
        case "command_execution" | "mcp_tool_call":
            if item.status == "declined":
                yield Signal(kind="denied", name=short(item.command or item.tool))
            failed = item.status == "failed" or bool(item.exit_code)
            yield Signal(kind="tool_result", text=short(item.aggregated_output), failed=failed)


def _turn(event: _Turn) -> Iterator[Signal]:
    tokens = None
    if used := event.usage:
        fresh = max(0, used.input_tokens - used.cached_input_tokens - used.cache_write_input_tokens)
        tokens = Tokens(fresh, used.cached_input_tokens, used.cache_write_input_tokens, used.output_tokens)
    yield Signal(kind="final", tokens=tokens)


def _failed(event: _Failed) -> Iterator[Signal]:
    text = _words(event.error.message)
    yield Signal(kind="final", failed=True, error=errors.error(text))


def _error(event: _Failure) -> Iterator[Signal]:
    text = _words(event.message)
    yield Signal(kind="wait" if text.startswith("Reconnecting") else "error", text=text, error=errors.error(text))


def _words(message: str) -> str:
    """What a provider's JSON says, where a message is one."""
    try:
        told = json.loads(message)
    except ValueError:
        return message
    inner = told.get("error", told) if isinstance(told, dict) else None
    return short(inner) if inner else message


# --- how it is started ----------------------------------------------------------------------------------------------------------


class CodexAgent(Driver):
    """An `Agent` that is Codex. It reports no money."""

    endless = True
    program = "codex"
    install = "npm i -g @openai/codex"
    speaks: ClassVar[tuple[Api, ...]] = ("openai",)
    key = "OPENAI_API_KEY"
    login: tuple[str, ...] = (".codex/auth.json",)
    login_hosts: tuple[str, ...] = ("auth.openai.com", "chatgpt.com")
    sums: ClassVar[frozenset[str]] = frozenset({"tokens"})
    reader = Reader(
        {
            "thread.started": (_Thread, _thread),
            "item.started": (_ItemEvent, _started),
            "item.completed": (_ItemEvent, _completed),
            "turn.completed": (_Turn, _turn),
            "turn.failed": (_Failed, _failed),
            "error": (_Failure, _error),
        },
        bulk=rb'"type":"(?:command_execution|mcp_tool_call|web_search)"',
    )

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        access = self.access(call, ambient)
        files = {".codex/config.toml": self._settings(call, access)}
        words = [self.executable(ambient), "exec", "--json", "--skip-git-repo-check", "-C", call.workspace]
        words += ["--sandbox", "read-only"] if call.read_only else ["--dangerously-bypass-approvals-and-sandbox"]
        words += ["-m", self.model] if self.model else []
        words += [] if call.trusted else ["--ignore-rules"]
        if call.schema:
            files["answer.schema.json"] = call.schema
            words += ["--output-schema", f"{call.home}/answer.schema.json"]
        words += self.config.args
        words += ["fork" if call.fork else "resume", call.resume] if call.resume else []
        env = {"CODEX_HOME": f"{call.home}/.codex"}
        if access.key:
            env["OPENAI_API_KEY"] = access.key
        return Prepared(argv=(*words, "-"), env=env | self.passed(ambient), files=files)

    def _settings(self, call: Call, access: Gateway) -> str:
        trust = "trusted" if call.trusted else "untrusted"
        lines = ['approval_policy = "never"', "check_for_update_on_startup = false"]
        if instructions := self.instructions(call):
            lines.append(f"developer_instructions = {_quoted(instructions)}")
        if access.key:
            lines.append('model_provider = "chargehand"')
        lines += ["[analytics]", "enabled = false", "[feedback]", "enabled = false"]
        lines += ["[features]", "apps = false", "daemon_auto_start = false"]
        lines += ["[shell_environment_policy]", 'exclude = ["OPENAI_API_KEY"]']
        lines += [f"[projects.{_quoted(call.workspace)}]", f'trust_level = "{trust}"']
        if access.key:
            address = self.versioned(access.url) if access.url else _PROVIDER
            lines += ["[model_providers.chargehand]", 'name = "chargehand"', f"base_url = {_quoted(address)}"]
            lines += ['env_key = "OPENAI_API_KEY"', 'wire_api = "responses"', "request_max_retries = 0", "stream_max_retries = 0"]
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A text as TOML has it, which is as JSON has it but for two things."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
