"""What a request asks of the model, read from any of the protocols into one form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Protocol = Literal["messages", "responses", "chat", "gemini", "ollama"]
Role = Literal["system", "user", "model"]

FREEFORM: dict[str, Any] = {"freeform": True}
"""Stands for the schema of a tool that takes plain text."""

_ROLES: Mapping[str, Role] = {"user": "user", "assistant": "model"}
_SCENARIO = re.compile(r"SCENARIO: ([\w:./=+-]+)")
_CWD = re.compile(
    r"(?<!temporary )(?:orking (?:in the )?directory|cwd|directory is|Director(?:y|ies)|workspace)[^/\n]{0,40}(/[\w./+-]+)"
)


@dataclass(frozen=True)
class Turn:
    """One message. ``results`` is how many answers of tools it holds."""

    role: Role
    text: str = ""
    results: int = 0


@dataclass(frozen=True)
class Asked:
    """A request. ``tools`` maps names to JSON Schemas; ``schema`` is what the answer must fit, if anything."""

    protocol: Protocol
    model: str
    stream: bool
    tools: Mapping[str, Mapping[str, Any]]
    turns: tuple[Turn, ...]
    schema: Mapping[str, Any] | None = None

    @property
    def _last_prompt(self) -> int:
        return max((number for number, turn in enumerate(self.turns) if turn.role == "user" and not turn.results), default=-1)

    @property
    def step(self) -> int:
        """How many tools have answered since the user last spoke."""
        return sum(turn.results for turn in self.turns[self._last_prompt + 1 :])

    @property
    def earlier(self) -> int:
        """How often the model spoke before the user last did: not 0 in a session that was gone on with."""
        return sum(turn.role == "model" for turn in self.turns[: max(0, self._last_prompt)])

    @property
    def prompt(self) -> str:
        """What the user said last."""
        return self.turns[self._last_prompt].text if self._last_prompt >= 0 else ""

    @property
    def scenario(self) -> str:
        """The last scenario that what the user said names, empty when it names none."""
        named = [name for turn in self.turns if turn.role == "user" for name in _SCENARIO.findall(turn.text)]
        return named[-1].rstrip(".") if named else ""

    @property
    def cwd(self) -> str:
        """The directory the program says it works in, empty when it says none."""
        named = [path.rstrip("./") for turn in self.turns for path in _CWD.findall(turn.text)]
        return next((path for path in named if Path(path).is_dir()), "")


def protocol_of(path: str) -> Protocol | None:
    """Which protocol a POST to this path (without its query) speaks, None when it is none that answers."""
    if re.search(r":(streamG|g)enerateContent$", path):
        return "gemini"
    ends: dict[str, Protocol] = {
        "/messages": "messages",
        "/responses": "responses",
        "/chat/completions": "chat",
        "/api/chat": "ollama",
    }
    return next((protocol for end, protocol in ends.items() if path.endswith(end)), None)


def read(protocol: Protocol, path: str, body: Mapping[str, Any]) -> Asked:
    """Read the body of a request to ``path``."""
    return _READERS[protocol](path, body)


def _messages(path: str, body: Mapping[str, Any]) -> Asked:
    turns = [Turn("system", _text(body.get("system", "")))]
    for message in body.get("messages", []):
        blocks = _blocks(message.get("content"))
        results = sum(block.get("type") == "tool_result" for block in blocks)
        texts = [block["text"] for block in blocks if block.get("type") == "text"]
        role = _ROLES.get(message.get("role", ""), "system")
        if not results and all(text.lstrip().startswith("<system-reminder") for text in texts):
            role = "system" if role == "user" else role
        turns.append(Turn(role, "\n".join(texts), results))
    tools: dict[str, Any] = {tool["name"]: tool.get("input_schema") or {} for tool in body.get("tools") or [] if "name" in tool}
    return Asked("messages", body.get("model", ""), bool(body.get("stream")), tools, tuple(turns))


def _responses(path: str, body: Mapping[str, Any]) -> Asked:
    turns = [Turn("system", _text(body.get("instructions", "")))]
    items = body.get("input", [])
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        kind = str(item.get("type", "message"))
        if kind.endswith("_output"):
            turns.append(Turn("user", _text(item.get("output", "")), 1))
        elif kind == "message" or "role" in item:
            turns.append(Turn(_ROLES.get(item.get("role", ""), "system"), _text(item.get("content", ""))))
        elif kind.endswith("_call"):
            turns.append(Turn("model"))
    tools: dict[str, Any] = {
        tool.get("name") or tool["type"]: FREEFORM if tool["type"] == "custom" else tool.get("parameters") or {}
        for tool in body.get("tools") or []
        if tool.get("type") != "namespace"
    }
    form = (body.get("text") or {}).get("format") or {}
    return Asked("responses", body.get("model", ""), bool(body.get("stream")), tools, tuple(turns), form.get("schema"))


def _chat(path: str, body: Mapping[str, Any], protocol: Protocol = "chat") -> Asked:
    turns: list[Turn] = []
    for message in body.get("messages", []):
        role, text = message.get("role"), _text(message.get("content") or "")
        if role == "tool":
            turns.append(Turn("user", text, 1))
        else:
            turns.append(Turn(_ROLES.get(role, "system"), text))
    functions = [tool["function"] for tool in body.get("tools") or [] if "function" in tool]
    tools: dict[str, Any] = {function["name"]: function.get("parameters") or {} for function in functions}
    form = (body.get("response_format") or {}).get("json_schema") or {}
    stream = bool(body.get("stream", protocol == "ollama"))
    schema = body.get("format") if isinstance(body.get("format"), dict) else form.get("schema")
    return Asked(protocol, body.get("model", ""), stream, tools, tuple(turns), schema)


def _ollama(path: str, body: Mapping[str, Any]) -> Asked:
    return _chat(path, body, "ollama")


def _gemini(path: str, body: Mapping[str, Any]) -> Asked:
    turns = [Turn("system", _text((body.get("systemInstruction") or {}).get("parts", "")))]
    for content in body.get("contents", []):
        parts = content.get("parts", [])
        results = sum("functionResponse" in part for part in parts)
        turns.append(Turn("model" if content.get("role") == "model" else "user", _text(parts), results))
    functions = [each for tool in body.get("tools") or [] for each in tool.get("functionDeclarations", [])]
    written = ("parametersJsonSchema", "parameters_json_schema", "parameters")
    tools: dict[str, Any] = {each["name"]: next((each[name] for name in written if each.get(name)), {}) for each in functions}
    form = body.get("generationConfig") or {}
    model = path.rpartition("/models/")[2].partition(":")[0]
    schema = form.get("responseJsonSchema") or form.get("responseSchema")
    return Asked("gemini", model, ":stream" in path, tools, tuple(turns), schema)


_READERS: Mapping[Protocol, Callable[[str, Mapping[str, Any]], Asked]] = {
    "messages": _messages,
    "responses": _responses,
    "chat": _chat,
    "gemini": _gemini,
    "ollama": _ollama,
}


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def _text(content: Any) -> str:
    """The text of a message, wherever a protocol keeps it."""
    return "\n".join(_texts(content))


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            yield from _texts(part.get("text", "") if isinstance(part, dict) else part)
    elif content:
        yield json.dumps(content)
