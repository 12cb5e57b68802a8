"""What an answer used, read beside the stream that passes by: a reader per protocol, for streams and for answers in one piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from chargehand.agents.meter.routes import Kind
from chargehand.model.work import Tokens

_LONGEST_LINE = 32 * 1024 * 1024
_BYTES_PER_TOKEN = 4

_decode = msgspec.json.Decoder().decode
Seen = Mapping[str, Any]


class Reader:
    """Feed it an answer's bytes as they come. ``finished``: all that will be told of its usage has been told.

    ``tokens`` is what was told so far, ``heard`` the characters of output that went by, ``model`` what the provider calls it.
    """

    def __init__(self, kind: Kind, *, stream: bool) -> None:
        self.tokens = Tokens()
        self.told = self.finished = False
        self.heard = 0
        self.model = ""
        self._understand = _UNDERSTAND[kind]
        self._stream = stream
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        self._rest += data
        if not self._stream:
            return
        if b"\n" in data:
            *lines, rest = self._rest.split(b"\n")
            self._rest = rest
            for line in lines:
                if line.startswith(b"data:"):
                    self._see(line[5:])
        elif len(self._rest) > _LONGEST_LINE:
            self._rest.clear()

    def close(self) -> None:
        """The answer has ended, well or not."""
        rest, self._rest = self._rest, bytearray()
        if self._stream and rest.startswith(b"data:"):
            rest = rest[5:]
        self._see(rest)

    def settle(self, request_bytes: int) -> tuple[Tokens, bool]:
        """What to charge, and whether that is an estimate: of an answer that was cut, what is known and what was heard."""
        if self.finished and self.told:
            return self.tokens, False
        known = self.tokens
        heard = max(known.output, -(-self.heard // _BYTES_PER_TOKEN))
        if known.input or known.cached or known.cache_write:
            return Tokens(known.input, known.cached, known.cache_write, heard), True
        return Tokens(input=estimated_input(request_bytes), output=heard), True

    def note(self, tokens: Tokens) -> None:
        """Usage was told; what is told later of the same answer includes what was told before."""
        before, self.told = self.tokens, True
        self.tokens = Tokens(
            max(before.input, tokens.input),
            max(before.cached, tokens.cached),
            max(before.cache_write, tokens.cache_write),
            max(before.output, tokens.output),
        )

    def hear(self, *texts: object) -> None:
        self.heard += sum(len(text) for text in texts if isinstance(text, str))

    def _see(self, data: bytes | bytearray) -> None:
        text = data.strip()
        if text == b"[DONE]":
            self.finished = self.told
            return
        if not text.startswith((b"{", b"[")):
            return
        try:
            seen = _decode(text)
        except (msgspec.DecodeError, RecursionError):
            return
        for each in seen if isinstance(seen, list) else [seen]:
            if isinstance(each, dict):
                self._understand(self, each)


def estimated_input(request_bytes: int) -> int:
    """Tokens of a request, where nobody told."""
    return max(1, request_bytes // _BYTES_PER_TOKEN)


def _number(seen: Seen, *names: str) -> int:
    """The first of ``names`` that is there. What is no sensible number is none."""
    for name in names:
        value = seen.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return max(0, value)
    return 0


def _inside(seen: Seen, *names: str) -> Seen:
    for name in names:
        inner = seen.get(name)
        if isinstance(inner, dict):
            return inner
    return {}


def _items(seen: Seen, name: str) -> list[Seen]:
    items = seen.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _messages(reader: Reader, seen: Seen) -> None:
    event = seen.get("type")
    if event == "content_block_delta":
        delta = _inside(seen, "delta")
        reader.hear(delta.get("text"), delta.get("partial_json"), delta.get("thinking"))
        return
    message = _inside(seen, "message") if event == "message_start" else seen
    if isinstance(model := message.get("model"), str):
        reader.model = model
    if usage := _inside(message, "usage"):
        read, written = _number(usage, "cache_read_input_tokens"), _number(usage, "cache_creation_input_tokens")
        reader.note(Tokens(_number(usage, "input_tokens"), read, written, _number(usage, "output_tokens")))
    if event == "message_start":
        reader.told = False  # of the answer there is nothing yet but a one
    # Some gateways leave the last event out; the delta before it has all the figures.
    reader.finished = reader.finished or event in ("message", "message_stop") or (event == "message_delta" and reader.told)


def _responses(reader: Reader, seen: Seen) -> None:
    response = _inside(seen, "response") or seen
    if isinstance(model := response.get("model"), str):
        reader.model = model
    if isinstance(delta := seen.get("delta"), str):
        reader.hear(delta)
    if usage := _inside(response, "usage"):
        reader.note(_openai(usage, "input_tokens", "output_tokens", _inside(usage, "input_tokens_details")))
        reader.finished = True


def _chat(reader: Reader, seen: Seen) -> None:
    if isinstance(model := seen.get("model"), str):
        reader.model = model
    for choice in _items(seen, "choices"):
        delta = _inside(choice, "delta")
        reader.hear(delta.get("content"), delta.get("reasoning_content"), delta.get("reasoning"))
        for call in _items(delta, "tool_calls"):
            reader.hear(_inside(call, "function").get("arguments"))
    if usage := _inside(seen, "usage"):
        details = _inside(usage, "prompt_tokens_details")
        cached = details if "cached_tokens" in details else {"cached_tokens": _number(usage, "prompt_cache_hit_tokens")}
        reader.note(_openai(usage, "prompt_tokens", "completion_tokens", {**details, **cached}))
        reader.finished = reader.finished or not _piece(seen)


def _piece(seen: Seen) -> bool:
    """Whether this is a piece of a stream; some providers repeat the usage so far in each, so only ``[DONE]`` ends it."""
    return seen.get("object") == "chat.completion.chunk" and bool(_items(seen, "choices"))


def _openai(usage: Seen, prompt: str, output: str, details: Seen) -> Tokens:
    """The prompt's tokens include those from and for the cache; those of the answer include what was thought."""
    cached, written = _number(details, "cached_tokens"), _number(details, "cache_write_tokens", "cache_creation_tokens")
    return Tokens(max(0, _number(usage, prompt) - cached - written), cached, written, _number(usage, output))


def _gemini(reader: Reader, seen: Seen) -> None:
    if isinstance(model := seen.get("modelVersion"), str):
        reader.model = model
    ended = False
    for candidate in _items(seen, "candidates"):
        ended = ended or bool(candidate.get("finishReason"))
        for part in _items(_inside(candidate, "content"), "parts"):
            reader.hear(part.get("text"))
    if usage := _inside(seen, "usageMetadata"):
        cached = _number(usage, "cachedContentTokenCount")
        prompt = _number(usage, "promptTokenCount") + _number(usage, "toolUsePromptTokenCount")
        output = _number(usage, "candidatesTokenCount") + _number(usage, "thoughtsTokenCount")
        reader.note(Tokens(max(0, prompt - cached), cached, 0, output))
    reader.finished = reader.finished or (ended and reader.told) or "promptFeedback" in seen


_UNDERSTAND: dict[Kind, Callable[[Reader, Seen], None]] = {
    "messages": _messages,
    "responses": _responses,
    "chat": _chat,
    "gemini": _gemini,
    "free": lambda _reader, _seen: None,
}
