"""Pi, run once with its stream of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from chargehand.agents import errors
from chargehand.agents.providers import OURS, AnyProvider, with_schema
from chargehand.agents.stream import Reader, short
from chargehand.model.signals import Signal
from chargehand.model.work import AgentError, Tokens
from chargehand.ports import Call, Gateway, Prepared

_READING = "read,grep,find,ls"
_FILE_TOOLS = frozenset({"edit", "write"})

_QUIET = {"PI_OFFLINE": "1", "PI_SKIP_VERSION_CHECK": "1", "PI_TELEMETRY": "0"}

_SETTINGS = {
    "defaultProjectTrust": "never",
    "enableAnalytics": False,
    "enableInstallTelemetry": False,
    "retry": {"enabled": False, "maxRetries": 0, "provider": {"maxRetries": 0}},
}

# --- its stream -----------------------------------------------------------------------------------------------------------------


class _Session(msgspec.Struct):
    id: str


class _Cost(msgspec.Struct):
    total: float = 0.0


class _Usage(msgspec.Struct):
    input: int = 0
    output: int = 0
    cacheRead: int = 0  # noqa: N815  the stream's name
    cacheWrite: int = 0  # noqa: N815
    cost: _Cost | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""


class _Message(msgspec.Struct):
    role: str
    content: list[_Block] | str = ""
    usage: _Usage | None = None
    stopReason: str = ""  # noqa: N815
    errorMessage: str = ""  # noqa: N815


class _Ended(msgspec.Struct):
    message: _Message


class _Tool(msgspec.Struct):
    toolName: str  # noqa: N815
    args: Any = None
    result: Any = None
    isError: bool = False  # noqa: N815


class _Retry(msgspec.Struct):
    attempt: int = 0
    maxAttempts: int = 0  # noqa: N815
    delayMs: float = 0.0  # noqa: N815
    errorMessage: str = ""  # noqa: N815


def _session(event: _Session) -> Iterator[Signal]:
    yield Signal(kind="session", name=event.id)


def _message(event: _Ended) -> Iterator[Signal]:
    message = event.message
    if message.role != "assistant":
        return
    for block in message.content if isinstance(message.content, list) else [_Block(text=message.content)]:
        if block.text:
            yield Signal(kind="text", text=block.text)
        elif block.thinking:
            yield Signal(kind="thinking", text=block.thinking)
    used = message.usage
    if used and (used.input or used.output or used.cacheRead or used.cacheWrite):
        tokens = Tokens(used.input, used.cacheRead, used.cacheWrite, used.output)
        cost = used.cost.total if used.cost else 0.0
        # No price is none that it knows of: nothing is free.
        yield Signal(kind="usage", tokens=tokens, cost_usd=cost or None)
    # Its last word comes without an outcome, and its exit code is 0 whatever happened: how the last message stopped says it.
    match message.stopReason:
        case "stop":
            yield Signal(kind="final")
        case "length":
            cut = AgentError(kind="context_overflow", message="its answer was cut at the limit of output tokens")
            yield Signal(kind="final", failed=True, error=cut)
        case "error" | "aborted" as reason:
            yield Signal(kind="final", failed=True, error=errors.error(message.errorMessage or reason))


def _started(event: _Tool) -> Iterator[Signal]:
    given = event.args if isinstance(event.args, dict) else {}
    yield Signal(kind="tool", name=event.toolName, text=short(given))
    if event.toolName in _FILE_TOOLS and isinstance(path := given.get("path"), str):
        yield Signal(kind="file", name=path)


def _done(event: _Tool) -> Iterator[Signal]:
    yield Signal(kind="tool_result", name=event.toolName, text=short(event.result), failed=event.isError)


def _retry(event: _Retry) -> Iterator[Signal]:
    wait = f"try {event.attempt} of {event.maxAttempts} in {event.delayMs / 1000:.0f} s: {event.errorMessage}"
    yield Signal(kind="wait", text=wait, error=errors.error(event.errorMessage))


# --- how it is started ----------------------------------------------------------------------------------------------------------


class PiAgent(AnyProvider):
    """An `Agent` that is Pi. It asks nobody's permission for anything. A session is found again
    in the same HOME and workspace."""

    endless = True
    program = "pi"
    install = "npm i -g @earendil-works/pi-coding-agent"
    login = (".pi/agent/auth.json",)
    reader = Reader(
        {
            "session": (_Session, _session),
            "message_end": (_Ended, _message),
            "tool_execution_start": (_Tool, _started),
            "tool_execution_end": (_Tool, _done),
            "auto_retry_start": (_Retry, _retry),
        },
        bulk=rb'"role":"(?:toolResult|user|system)"|^\{"type":"tool_execution_end"',
    )
    key: ClassVar[str] = "OPENAI_API_KEY"

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        access = self.access(call, ambient)
        words = [self.executable(ambient), "--print", "--mode", "json", "--approve" if call.trusted else "--no-approve"]
        files = {".pi/agent/settings.json": json.dumps(_SETTINGS)}
        if access.key:
            files[".pi/agent/models.json"] = self._models(access, native=not self.upstream(ambient))
            words += ["--provider", OURS, "--model", self.bare]
        elif self.model:
            words += ["--model", self.model]
        words += self._session(call)
        words += ["--tools", _READING] if call.read_only else []
        if instructions := with_schema(self.instructions(call), call.schema):
            files["instructions.md"] = instructions
            words += ["--append-system-prompt", f"{call.home}/instructions.md"]
        return Prepared(argv=(*words, *self.config.args), env=_QUIET | self.passed(ambient), files=files)

    def _session(self, call: Call) -> list[str]:
        if call.resume and not call.fork:
            return ["--session", call.resume]
        words = ["--fork", call.resume] if call.resume else []
        return [*words, "--session-id", call.session] if call.session else words

    def _models(self, access: Gateway, *, native: bool) -> str:
        """The one provider it is told of. Those who only speak as OpenAI does know the older of its two protocols."""
        spoken = {
            "anthropic": "anthropic-messages",
            "gemini": "google-generative-ai",
            "openai": "openai-responses" if native else "openai-completions",
        }[self.api]
        address = access.url if self.api == "anthropic" else self.address(access.url)
        key = access.key.replace("$", "$$")  # it would take the place of a variable
        provider = {"baseUrl": address, "api": spoken, "apiKey": key, "models": [{"id": self.bare}]}
        return json.dumps({"providers": {OURS: provider}})
