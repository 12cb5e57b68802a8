"""Claude Code, run headless with its stream of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from chargehand.agents import errors
from chargehand.agents.driver import Driver
from chargehand.agents.stream import Reader, short
from chargehand.model.signals import Signal
from chargehand.model.work import AgentError, ErrorClass, Tokens
from chargehand.ports import Api, Call, Prepared

_READING = "Read,Grep,Glob"
_NOT_HERE = "CronCreate,CronDelete,CronList,EnterWorktree,ExitWorktree,ListAgents,ScheduleWakeup,SendMessage"
"""Tools that work elsewhere or later: an attempt is one process in one workspace."""

_FILE_TOOLS = frozenset({"Edit", "MultiEdit", "NotebookEdit", "Write"})

_QUIET = {
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "0",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
    # It refuses to work without asking as root, unless it is told that somebody keeps it in.
    "IS_SANDBOX": "1",
}

# In its HOME, so that what the settings' ``args`` say with ``--settings`` comes on top.
_SETTINGS = {
    ".claude/settings.json": json.dumps({"attribution": {"commit": "", "pr": ""}, "includeCoAuthoredBy": False}),
}

# --- its stream -----------------------------------------------------------------------------------------------------------------


class _System(msgspec.Struct):
    subtype: str = ""
    session_id: str = ""
    model: str = ""
    attempt: int = 0
    max_retries: int = 0
    retry_delay_ms: float = 0.0
    error_status: int | None = None
    error: str | None = None


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    cache_read_input_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    output_tokens: int = 0

    def tokens(self) -> Tokens:
        return Tokens(
            self.input_tokens, self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0, self.output_tokens
        )


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    name: str = ""
    input: Any = None
    is_error: bool | None = None
    content: Any = None


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    content: list[_Block] | str = ""
    usage: _Usage | None = None


class _Said(msgspec.Struct):
    message: _Message
    error: str | None = None


class _Limit(msgspec.Struct):
    status: str = ""
    resetsAt: float | None = None  # noqa: N815  the stream's name
    rateLimitType: str | None = None  # noqa: N815
    isUsingOverage: bool | None = None  # noqa: N815


class _LimitEvent(msgspec.Struct):
    rate_limit_info: _Limit


class _Denial(msgspec.Struct):
    tool_name: str = ""


class _ModelUsage(msgspec.Struct):
    inputTokens: int = 0  # noqa: N815
    outputTokens: int = 0  # noqa: N815
    cacheReadInputTokens: int = 0  # noqa: N815
    cacheCreationInputTokens: int = 0  # noqa: N815

    def tokens(self) -> Tokens:
        return Tokens(self.inputTokens, self.cacheReadInputTokens, self.cacheCreationInputTokens, self.outputTokens)


class _Result(msgspec.Struct):
    is_error: bool
    subtype: str
    result: str = ""
    errors: list[str] = []
    total_cost_usd: float | None = None
    modelUsage: dict[str, _ModelUsage] = {}  # noqa: N815
    permission_denials: list[_Denial] = []
    terminal_reason: str | None = None
    api_error_status: int | None = None
    structured_output: Any = None


def _system(event: _System) -> Iterator[Signal]:
    if event.subtype == "init":
        yield Signal(kind="session", name=event.session_id, text=event.model)
    elif event.subtype == "api_retry":
        said = f"{event.error or 'error'} {event.error_status or ''}".strip()
        error = errors.error(said, event.error_status or 0, otherwise="network")
        wait = f"try {event.attempt} of {event.max_retries} in {event.retry_delay_ms / 1000:.0f} s: {said}"
        yield Signal(kind="wait", text=wait, error=error)


def _assistant(event: _Said) -> Iterator[Signal]:
    message = event.message
    blocks = [_Block(type="text", text=message.content)] if isinstance(message.content, str) else message.content
    if event.error:  # its own words about what the provider said
        text = " ".join(block.text for block in blocks if block.text)
        yield Signal(kind="error", text=text, error=errors.error(text, code=event.error))
        return
    for block in blocks:
        yield from _block(block)
    if message.usage and message.model != "<synthetic>":
        yield Signal(kind="usage", name=message.id, tokens=message.usage.tokens())


def _user(event: _Said) -> Iterator[Signal]:
    for block in event.message.content:
        if isinstance(block, _Block) and block.type == "tool_result":
            yield Signal(kind="tool_result", text=short(block.content), failed=bool(block.is_error))


def _block(block: _Block) -> Iterator[Signal]:
    if block.type == "text" and block.text:
        yield Signal(kind="text", text=block.text)
    elif block.type == "thinking" and block.thinking:
        yield Signal(kind="thinking", text=block.thinking)
    elif block.type == "tool_use" and block.name == "AskUserQuestion":
        yield Signal(kind="question", text=short(block.input))
    elif block.type == "tool_use":
        given = block.input if isinstance(block.input, dict) else {}
        yield Signal(kind="tool", name=block.name, text=short(given))
        path = given.get("file_path") or given.get("notebook_path")
        if block.name in _FILE_TOOLS and isinstance(path, str):
            yield Signal(kind="file", name=path)


def _limit(event: _LimitEvent) -> Iterator[Signal]:
    limit = event.rate_limit_info
    if limit.status == "rejected" and not limit.isUsingOverage:
        text = f"the {(limit.rateLimitType or 'usage').replace('_', ' ')} limit is reached"
        yield Signal(kind="wait", text=text, error=AgentError(kind="usage_window", message=text, reset_at=limit.resetsAt or 0.0))


_ENDS: dict[str, ErrorClass] = {"max_turns": "turn_limit", "prompt_too_long": "context_overflow", "budget_exhausted": "budget"}


def _result(event: _Result) -> Iterator[Signal]:
    for denial in event.permission_denials:
        yield Signal(kind="denied", name=denial.tool_name)
    failed = event.is_error or event.subtype != "success"
    said = event.result or "; ".join(event.errors) or event.subtype.replace("_", " ")
    error = None
    if failed and (event.terminal_reason or "").startswith("aborted"):
        error = AgentError(kind="crash", message="it was interrupted")
    elif failed and (kind := _ENDS.get(event.terminal_reason or event.subtype.removeprefix("error_"))):
        error = AgentError(kind=kind, message=said[: errors.MESSAGE_LIMIT])
    elif failed:
        error = errors.error(said, event.api_error_status or 0)
    answer = msgspec.json.encode(event.structured_output).decode() if event.structured_output is not None else event.result
    # Not `usage`, which leaves out what its helpers used.
    tokens = sum((used.tokens() for used in event.modelUsage.values()), Tokens()) if event.modelUsage else None
    yield Signal(kind="final", text=answer, failed=failed, tokens=tokens, cost_usd=event.total_cost_usd, error=error)


# --- how it is started ----------------------------------------------------------------------------------------------------------


class ClaudeAgent(Driver):
    """An `Agent` that is Claude Code. A session is found again in the same HOME, whatever the workspace's path."""

    program = "claude"
    install = "npm i -g @anthropic-ai/claude-code"
    speaks: ClassVar[tuple[Api, ...]] = ("anthropic",)
    key = "ANTHROPIC_API_KEY"
    login: tuple[str, ...] = (".claude/.credentials.json",)
    login_hosts: tuple[str, ...] = ("api.anthropic.com", "platform.claude.com")
    sums: ClassVar[frozenset[str]] = frozenset({"tokens", "cost"})
    reader = Reader(
        {
            "system": (_System, _system),
            "assistant": (_Said, _assistant),
            "user": (_Said, _user),
            "rate_limit_event": (_LimitEvent, _limit),
            "result": (_Result, _result),
        },
        live=["user"],
    )

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        access = self.access(call, ambient)
        words = [
            self.executable(ambient),
            "--print",
            "--output-format",
            "stream-json",
            "--verbose",
            "--dangerously-skip-permissions",
        ]
        words += ["--max-turns", str(self.config.max_turns)]
        words += ["--model", self.model] if self.model else []
        words += self._session(call)
        if not call.trusted:
            # Hooks, key helpers and servers of the workspace would run unasked.
            words += ["--setting-sources", "user", "--strict-mcp-config", "--disable-slash-commands"]
        words += ["--tools", _READING] if call.read_only else ["--disallowedTools", _NOT_HERE]
        words += ["--json-schema", call.schema] if call.schema else []
        instructions = self.instructions(call)
        words += ["--append-system-prompt", instructions] if instructions else []
        env = dict(_QUIET)
        if access.url:
            env["ANTHROPIC_BASE_URL"] = access.url
        if access.key:
            env["ANTHROPIC_API_KEY"] = access.key
        return Prepared(argv=(*words, *self.config.args), env=env | self.passed(ambient), files=_SETTINGS)

    def _session(self, call: Call) -> list[str]:
        if not call.resume:
            return ["--session-id", call.session] if call.session else []
        return ["--resume", call.resume, *(["--fork-session"] if call.fork else [])]
