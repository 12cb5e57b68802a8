"""opencode, run once with its stream of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from chargehand.agents import errors
from chargehand.agents.providers import OURS, AnyProvider, refused, with_schema
from chargehand.agents.stream import Reader, short
from chargehand.model.signals import Signal
from chargehand.model.work import AgentError, Exit, Report, Tally, Tokens
from chargehand.ports import Api, Call, Gateway, Prepared

_READING = ("read", "grep", "glob", "list", "todowrite")
_FILE_TOOLS = frozenset({"edit", "write", "patch", "apply_patch", "multiedit"})

_QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_CLAUDE_CODE": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
}
# What plugins need is fetched before they are run. Where there is no network it would try for minutes.
_FETCHING = {"npm_config_fetch_retries": "0"}
_ALONE = {"OPENCODE_DISABLE_EXTERNAL_SKILLS": "1", "OPENCODE_DISABLE_PROJECT_CONFIG": "1", "OPENCODE_PURE": "1"}

# It installs this beside its settings at every start, unless it looks as if it had done so.
_PLUGIN = "@opencode-ai/plugin"
_INSTALLED = {
    ".config/opencode/node_modules/.installed": "",
    ".config/opencode/package-lock.json": json.dumps({"packages": {"": {"dependencies": {_PLUGIN: "*"}}}}),
}

_PACKAGES: dict[Api, str] = {"anthropic": "@ai-sdk/anthropic", "gemini": "@ai-sdk/google", "openai": "@ai-sdk/openai"}

# --- its stream -----------------------------------------------------------------------------------------------------------------


class _State(msgspec.Struct):
    status: str = ""
    input: Any = None
    output: Any = None
    error: str = ""


class _Cache(msgspec.Struct):
    read: int = 0
    write: int = 0


class _Used(msgspec.Struct):
    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache: _Cache = msgspec.field(default_factory=_Cache)


class _Part(msgspec.Struct):
    id: str = ""
    text: str = ""
    tool: str = ""
    state: _State = msgspec.field(default_factory=_State)
    reason: str = ""
    tokens: _Used | None = None
    cost: float | None = None


class _Event(msgspec.Struct):
    part: _Part
    sessionID: str = ""  # noqa: N815  the stream's name


class _Detail(msgspec.Struct):
    message: str = ""
    statusCode: int | None = None  # noqa: N815


class _Cause(msgspec.Struct):
    name: str = ""
    data: _Detail = msgspec.field(default_factory=_Detail)


class _Failed(msgspec.Struct):
    error: _Cause
    sessionID: str = ""  # noqa: N815


def _started(event: _Event) -> Iterator[Signal]:
    yield Signal(kind="session", name=event.sessionID)


def _text(event: _Event) -> Iterator[Signal]:
    yield Signal(kind="text", text=event.part.text)


def _thinking(event: _Event) -> Iterator[Signal]:
    yield Signal(kind="thinking", text=event.part.text)


def _tool(event: _Event) -> Iterator[Signal]:
    part, state = event.part, event.part.state
    given = state.input if isinstance(state.input, dict) else {}
    failed = state.status == "error"
    yield Signal(kind="tool", name=part.tool, text=short(given))
    if part.tool in _FILE_TOOLS and isinstance(path := given.get("filePath"), str):
        yield Signal(kind="file", name=path, failed=failed)
    if failed and ("rejected permission" in state.error or "prevents you from using" in state.error):
        yield Signal(kind="denied", name=part.tool)
        # It stops there, without a word and with exit code 0.
        yield Signal(kind="error", error=AgentError(kind="permission", message=f"it was not allowed to use {part.tool}"))
    yield Signal(kind="tool_result", name=part.tool, text=short(state.error or state.output), failed=failed)


def _step(event: _Event) -> Iterator[Signal]:
    part = event.part
    if used := part.tokens:
        tokens = Tokens(used.input, used.cache.read, used.cache.write, used.output + used.reasoning)
        yield Signal(kind="usage", name=part.id, tokens=tokens, cost_usd=part.cost or None)
    # There is no last word: the step that asks for no tool is the last one.
    if part.reason == "stop":
        yield Signal(kind="final")
    elif part.reason == "length":
        cut = AgentError(kind="context_overflow", message="its answer was cut at the limit of output tokens")
        yield Signal(kind="final", failed=True, error=cut)
    elif part.reason != "tool-calls":
        yield Signal(kind="final", failed=True, text=f"the model stopped: {part.reason}")


def _failed(event: _Failed) -> Iterator[Signal]:
    cause = event.error
    said = cause.data.message or cause.name
    yield Signal(kind="session", name=event.sessionID)
    yield Signal(kind="final", failed=True, error=errors.error(said, cause.data.statusCode or 0, code=cause.name))


# --- how it is started ----------------------------------------------------------------------------------------------------------


class OpencodeAgent(AnyProvider):
    """An `Agent` that is opencode. It chooses the ids of its sessions. A session is found again in the same HOME and workspace."""

    program = "opencode"
    install = "npm i -g opencode-ai"
    key: ClassVar[str] = "OPENAI_API_KEY"
    login = (".local/share/opencode/auth.json",)
    reader = Reader(
        {
            "step_start": (_Event, _started),
            "text": (_Event, _text),
            "reasoning": (_Event, _thinking),
            "tool_use": (_Event, _tool),
            "step_finish": (_Event, _step),
            "error": (_Failed, _failed),
        },
        bulk=rb'^\{"type":"tool_use"',
    )

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        if not call.trusted and (found := _plugins(Path(call.workspace))):
            # No setting of its own keeps it from running these.
            return refused(self.program, found)
        access = self.access(call, ambient)
        # Without a title it asks a model for one.
        words = [self.executable(ambient), "run", "--format", "json", "--title", OURS]
        if access.key:
            words += ["--model", f"{OURS}/{self.bare}"]
        elif self.model:
            words += ["--model", self.model]
        words += ["--session", call.resume, *(["--fork"] if call.fork else [])] if call.resume else []
        files = dict(_INSTALLED)
        if instructions := with_schema(self.instructions(call), call.schema):
            files[".config/opencode/instructions.md"] = instructions
        files[".config/opencode/opencode.json"] = self._settings(call, access, ambient, bool(instructions))
        env = _QUIET | (_FETCHING if call.trusted else _ALONE)
        return Prepared(argv=(*words, *self.config.args), env=env | self.passed(ambient), files=files)

    def report(self, stdout: Path, exit_: Exit, before: Tally) -> Report:
        """What the transcript says of the call. In its last turn it is told to come to an end, and does."""
        report = super().report(stdout, exit_, before)
        if not report.finished or report.turns < self.config.max_turns:
            return report
        error = AgentError(kind="turn_limit", message=f"it has had all its {report.turns} turns")
        return msgspec.structs.replace(report, finished=False, error=error)

    def _settings(self, call: Call, access: Gateway, ambient: Mapping[str, str], instructions: bool) -> str:
        allowed = {"*": "deny", **dict.fromkeys(_READING, "allow")} if call.read_only else {"*": "allow"}
        settings: dict[str, Any] = {
            "autoupdate": False,
            "share": "disabled",
            "snapshot": False,
            "permission": allowed | {"question": "deny"},
            "agent": {"build": {"steps": self.config.max_turns}},
        }
        if instructions:
            settings["instructions"] = [f"{call.home}/.config/opencode/instructions.md"]
        if access.key:
            # Those who only speak as OpenAI does know the older of its two protocols.
            other = self.api == "openai" and self.upstream(ambient)
            settings["small_model"] = f"{OURS}/{self.bare}"
            settings["enabled_providers"] = [OURS]
            settings["provider"] = {
                OURS: {
                    "npm": "@ai-sdk/openai-compatible" if other else _PACKAGES[self.api],
                    "name": OURS,
                    "options": {"baseURL": self.address(access.url), "apiKey": access.key},
                    "models": {self.bare: {"name": self.bare}},
                }
            }
        return json.dumps(settings)


def _plugins(workspace: Path) -> list[str]:
    """What it would execute of a workspace without being asked."""
    folder = workspace / ".opencode"
    found = [path for kind in ("plugin", "plugins") for end in ("js", "ts") for path in sorted(folder.glob(f"{kind}/*.{end}"))]
    for place in (workspace, folder):
        found += [path for end in ("json", "jsonc") if _names_plugins(path := place / f"opencode.{end}")]
    return [str(path.relative_to(workspace)) for path in found]


def _names_plugins(path: Path) -> bool:
    try:
        text = path.read_bytes()
    except OSError:
        return False
    return b"plugin" in text or b"\\u" in text  # or hides how it writes it
