"""A move in the words of each protocol: one JSON object, or the events of a stream. And what it is said to have cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.kit.asked import Asked, Protocol
from tests.kit.script import Refuse, Say, Use

Json = dict[str, Any]
Events = Iterator[tuple[str, Json | str]]
"""Name (may be empty) and data of each event; data that is a string is sent as it is."""

PIECE = 24
"""Characters in one piece of a streamed answer."""


@dataclass(frozen=True)
class Cost:
    """Tokens of one answer. ``fresh`` was neither read from the cache nor written to it; ``output`` includes ``thought``."""

    fresh: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    thought: int = 0

    @property
    def input(self) -> int:
        return self.fresh + self.cached + self.cache_write


def cost(asked: Asked) -> Cost:
    """Differs from step to step, so that a sum is right only when all its parts are. Only Messages tell what a cache was given."""
    written = 300 if asked.protocol == "messages" else 0
    return Cost(1200 + 10 * asked.step, 800 if asked.step else 0, written, 42 + asked.step, 7)


def whole(asked: Asked, deed: Say | Use, number: int) -> Json:
    """The answer in one piece. ``number`` makes its ids unique."""
    return _WHOLE[asked.protocol](asked, deed, number)


def events(asked: Asked, deed: Say | Use, number: int) -> Events:
    """The answer as a stream."""
    return _EVENTS[asked.protocol](asked, deed, number)


def refusal(protocol: Protocol, refuse: Refuse) -> Json:
    """The body of an error."""
    status, message = refuse.status, refuse.message
    if protocol == "messages":
        return {"type": "error", "error": {"type": _ANTHROPIC.get(status, "api_error"), "message": message}, "request_id": "req_1"}
    if protocol == "gemini":
        return {"error": {"code": status, "message": message, "status": _GOOGLE.get(status, "INTERNAL")}}
    if protocol == "ollama":
        return {"error": message}
    code = "context_length_exceeded" if refuse.context else _OPENAI.get(status)
    kind = "invalid_request_error" if status < 429 else "rate_limit_error" if status == 429 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


_ANTHROPIC = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_GOOGLE = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
_OPENAI = {401: "invalid_api_key", 402: "insufficient_quota", 404: "model_not_found", 429: "rate_limit_exceeded"}


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


def _arguments(use: Use) -> str:
    return use.arguments if isinstance(use.arguments, str) else json.dumps(use.arguments)


# --- Anthropic Messages


def _messages_whole(asked: Asked, deed: Say | Use, number: int) -> Json:
    spent = cost(asked)
    block = (
        {"type": "text", "text": deed.text}
        if isinstance(deed, Say)
        else {"type": "tool_use", "id": f"toolu_{number:020}", "name": deed.tool, "input": deed.arguments}
    )
    return {
        "id": f"msg_{number:020}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [block],
        "stop_reason": "end_turn" if isinstance(deed, Say) else "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": spent.fresh,
            "cache_creation_input_tokens": spent.cache_write,
            "cache_read_input_tokens": spent.cached,
            "output_tokens": spent.output,
        },
    }


def _messages_events(asked: Asked, deed: Say | Use, number: int) -> Events:
    message = _messages_whole(asked, deed, number)
    usage = message["usage"]
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    empty = {"type": "text", "text": ""} if isinstance(deed, Say) else {**message["content"][0], "input": {}}
    parts: list[Json] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": empty},
    ]
    for piece in _pieces(deed.text if isinstance(deed, Say) else _arguments(deed)):
        delta = (
            {"type": "text_delta", "text": piece} if isinstance(deed, Say) else {"type": "input_json_delta", "partial_json": piece}
        )
        parts.append({"type": "content_block_delta", "index": 0, "delta": delta})
    parts += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    for part in parts:
        yield part["type"], part


# --- OpenAI Responses


def _responses_whole(asked: Asked, deed: Say | Use, number: int) -> Json:
    call: Json = {"call_id": f"call_{number:016}", "status": "completed"}
    item: Json
    if isinstance(deed, Say):
        content = [{"type": "output_text", "text": deed.text, "annotations": []}]
        item = {"type": "message", "id": f"msg_{number:016}", "role": "assistant", "status": "completed", "content": content}
    elif isinstance(deed.arguments, str):
        item = {"type": "custom_tool_call", "id": f"ctc_{number:016}", "name": deed.tool, "input": deed.arguments, **call}
    else:
        item = {"type": "function_call", "id": f"fc_{number:016}", "name": deed.tool, "arguments": _arguments(deed), **call}
    spent = cost(asked)
    return {
        "id": f"resp_{number:016}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "model": asked.model,
        "output": [item],
        "usage": {
            "input_tokens": spent.input,
            "input_tokens_details": {"cached_tokens": spent.cached},
            "output_tokens": spent.output,
            "output_tokens_details": {"reasoning_tokens": spent.thought},
            "total_tokens": spent.input + spent.output,
        },
        "error": None,
        "incomplete_details": None,
    }


def _responses_events(asked: Asked, deed: Say | Use, number: int) -> Events:
    response = _responses_whole(asked, deed, number)
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    inner = _responses_text(response["output"][0]) if isinstance(deed, Say) else _responses_call(response["output"][0])
    parts: list[tuple[str, Json]] = [("response.created", {"response": begun}), ("response.in_progress", {"response": begun})]
    parts += [*inner, ("response.completed", {"response": response})]
    for order, (name, part) in enumerate(parts):
        yield name, {"type": name, "sequence_number": order, **part}


def _responses_text(item: Json) -> Iterator[tuple[str, Json]]:
    text, place = item["content"][0]["text"], {"item_id": item["id"], "output_index": 0, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": []}
    yield "response.output_item.added", {"output_index": 0, "item": {**item, "content": [], "status": "in_progress"}}
    yield "response.content_part.added", {**place, "part": empty}
    for piece in _pieces(text):
        yield "response.output_text.delta", {**place, "delta": piece}
    yield "response.output_text.done", {**place, "text": text}
    yield "response.content_part.done", {**place, "part": item["content"][0]}
    yield "response.output_item.done", {"output_index": 0, "item": item}


def _responses_call(item: Json) -> Iterator[tuple[str, Json]]:
    key, name = ("input", "custom_tool_call_input") if "input" in item else ("arguments", "function_call_arguments")
    place = {"item_id": item["id"], "output_index": 0}
    yield "response.output_item.added", {"output_index": 0, "item": {**item, key: "", "status": "in_progress"}}
    for piece in _pieces(item[key]):
        yield f"response.{name}.delta", {**place, "delta": piece}
    yield f"response.{name}.done", {**place, key: item[key]}
    yield "response.output_item.done", {"output_index": 0, "item": item}


# --- OpenAI Chat Completions


def _chat_base(asked: Asked, number: int, kind: str) -> Json:
    return {"id": f"chatcmpl-{number:016}", "created": 1_700_000_000, "model": asked.model, "object": kind}


def _chat_call(use: Use, number: int, arguments: str) -> Json:
    function = {"name": use.tool, "arguments": arguments}
    return {"index": 0, "id": f"call_{number:016}", "type": "function", "function": function}


def _chat_usage(asked: Asked) -> Json:
    spent = cost(asked)
    return {
        "prompt_tokens": spent.input,
        "completion_tokens": spent.output,
        "total_tokens": spent.input + spent.output,
        "prompt_tokens_details": {"cached_tokens": spent.cached},
        "completion_tokens_details": {"reasoning_tokens": spent.thought},
    }


def _chat_whole(asked: Asked, deed: Say | Use, number: int) -> Json:
    if isinstance(deed, Say):
        choice: Json = {"finish_reason": "stop", "message": {"role": "assistant", "content": deed.text}}
    else:
        calls = [_chat_call(deed, number, _arguments(deed))]
        choice = {"finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": calls}}
    return {**_chat_base(asked, number, "chat.completion"), "choices": [{"index": 0, **choice}], "usage": _chat_usage(asked)}


def _chat_events(asked: Asked, deed: Say | Use, number: int) -> Events:
    base = _chat_base(asked, number, "chat.completion.chunk")

    def part(delta: Json, finish: str | None = None) -> tuple[str, Json]:
        return "", {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield part({"role": "assistant", "content": "" if isinstance(deed, Say) else None})
    if isinstance(deed, Say):
        for piece in _pieces(deed.text):
            yield part({"content": piece})
        yield part({}, "stop")
    else:
        yield part({"tool_calls": [_chat_call(deed, number, "")]})
        for piece in _pieces(_arguments(deed)):
            yield part({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        yield part({}, "tool_calls")
    yield "", {**base, "choices": [], "usage": _chat_usage(asked)}
    yield "", "[DONE]"


# --- Gemini


def _gemini_part(asked: Asked, parts: list[Json], finish: str | None) -> Json:
    spent = cost(asked)
    candidate: Json = {"index": 0, "content": {"role": "model", "parts": parts}} | ({"finishReason": finish} if finish else {})
    usage = {
        "promptTokenCount": spent.input,
        "cachedContentTokenCount": spent.cached,
        "candidatesTokenCount": spent.output - spent.thought,
        "thoughtsTokenCount": spent.thought,
        "totalTokenCount": spent.input + spent.output,
    }
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": asked.model, "responseId": "r1"}


def _gemini_whole(asked: Asked, deed: Say | Use, number: int) -> Json:
    part = {"text": deed.text} if isinstance(deed, Say) else {"functionCall": {"name": deed.tool, "args": deed.arguments}}
    return _gemini_part(asked, [part], "STOP")


def _gemini_events(asked: Asked, deed: Say | Use, number: int) -> Events:
    yield "", _gemini_part(asked, [{"text": ""}], None)
    if isinstance(deed, Say):
        for piece in _pieces(deed.text):
            yield "", _gemini_part(asked, [{"text": piece}], None)
        yield "", _gemini_part(asked, [{"text": ""}], "STOP")
    else:
        yield "", _gemini_whole(asked, deed, number)


# --- Ollama: its streams are lines of JSON, not events


def _ollama_part(asked: Asked, message: Json, *, done: bool) -> Json:
    spent = cost(asked)
    end = (
        {"done_reason": "stop", "prompt_eval_count": spent.input, "eval_count": spent.output, "total_duration": 10**9}
        if done
        else {}
    )
    return {
        "model": asked.model,
        "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", **message},
        "done": done,
        **end,
    }


def _ollama_whole(asked: Asked, deed: Say | Use, number: int) -> Json:
    if isinstance(deed, Say):
        return _ollama_part(asked, {"content": deed.text}, done=True)
    calls = [{"function": {"name": deed.tool, "arguments": deed.arguments}}]
    return _ollama_part(asked, {"content": "", "tool_calls": calls}, done=True)


def _ollama_events(asked: Asked, deed: Say | Use, number: int) -> Events:
    if isinstance(deed, Say):
        for piece in _pieces(deed.text):
            yield "", _ollama_part(asked, {"content": piece}, done=False)
        yield "", _ollama_part(asked, {"content": ""}, done=True)
    else:
        yield "", _ollama_whole(asked, deed, number)


_WHOLE: Mapping[Protocol, Callable[[Asked, Say | Use, int], Json]] = {
    "messages": _messages_whole,
    "responses": _responses_whole,
    "chat": _chat_whole,
    "gemini": _gemini_whole,
    "ollama": _ollama_whole,
}
_EVENTS: Mapping[Protocol, Callable[[Asked, Say | Use, int], Events]] = {
    "messages": _messages_events,
    "responses": _responses_events,
    "chat": _chat_events,
    "gemini": _gemini_events,
    "ollama": _ollama_events,
}
