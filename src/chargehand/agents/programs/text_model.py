"""One question to a text model behind HTTP: Ollama's own protocol, or the Chat Completions that llama.cpp and others speak."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

from chargehand.agents.programs.http import Refused, ask
from chargehand.agents.programs.lines import alive, begin, fail, tell

_ANSWER_TOKENS = 8192
"""Room for the answer where the context must be named in advance."""

_CHARACTERS_PER_TOKEN = 3
"""Few enough that code fits, too."""


class _Ended(Exception):
    """The server says, in the middle of an answer, that there will be no more."""


class _Answer:
    """What came so far. ``why`` is the server's word for the end; empty: it has not said that it ended."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.thought: list[str] = []
        self.tokens: dict[str, int] = {}
        self.why = ""


def main() -> int:
    settings, key, prompt = begin()
    messages = [{"role": "user", "content": prompt}]
    if settings["instructions"]:
        messages.insert(0, {"role": "system", "content": settings["instructions"]})
    answer = _Answer()
    asked = _ollama if settings["protocol"] == "ollama" else _chat
    try:
        asked(settings, key, messages, answer)
    except Refused as refused:
        return fail(refused.text, status=refused.status, retry_after_s=refused.retry_after_s)
    except _Ended as ended:
        return _stopped(settings, answer, str(ended))
    except (OSError, http.client.HTTPException) as problem:
        said = f"{settings['url']}: {problem or type(problem).__name__}"
        return _stopped(settings, answer, said, otherwise="network")
    return _finished(settings, answer)


def _stopped(settings: dict[str, Any], answer: _Answer, text: str, otherwise: str = "") -> int:
    _used(settings, answer)
    return fail(text, otherwise=otherwise)


def _finished(settings: dict[str, Any], answer: _Answer) -> int:
    if answer.thought:
        tell("thinking", text="".join(answer.thought))
    text = "".join(answer.text).strip()
    if text:
        tell("text", text=text)
    _used(settings, answer)
    if not answer.why:
        return fail("the stream ended before the answer did", otherwise="network")
    if answer.why == "length":
        return fail("its answer was cut at the limit of its context", otherwise="context_overflow")
    tell("final", text=text)
    return 0


def _used(settings: dict[str, Any], answer: _Answer) -> None:
    if answer.tokens:
        tell("usage", name="1", tokens=answer.tokens, cost_usd=settings["cost_usd"])


def _ollama(settings: dict[str, Any], key: str, messages: list[dict[str, str]], answer: _Answer) -> None:
    size = sum(len(message["content"]) for message in messages) // _CHARACTERS_PER_TOKEN + _ANSWER_TOKENS
    # Its context is short unless it is told, and it would cut the prompt without a word. The same size is the same loaded model.
    context = 1 << max(13, (size - 1).bit_length())
    body = {
        "model": settings["model"],
        "messages": messages,
        "stream": True,
        "truncate": False,
        "shift": False,
        "options": {"num_ctx": context},
    }
    if settings["schema"]:
        body["format"] = json.loads(settings["schema"])
    for part in _parts(ask(f"{settings['url']}/api/chat", body, key, settings["way_out"])):
        message = part.get("message") or {}
        answer.text.append(message.get("content") or "")
        answer.thought.append(message.get("thinking") or "")
        if part.get("done"):
            answer.tokens = {"input": part.get("prompt_eval_count", 0), "output": part.get("eval_count", 0)}
            answer.why = part.get("done_reason") or "stop"
            return


def _chat(settings: dict[str, Any], key: str, messages: list[dict[str, str]], answer: _Answer) -> None:
    body: dict[str, Any] = {"messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    if settings["model"]:
        body["model"] = settings["model"]
    if settings["schema"]:
        form = {"name": "answer", "schema": json.loads(settings["schema"]), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    lines = ask(f"{settings['url']}/chat/completions", body, key, settings["way_out"])
    for part in _parts(line.removeprefix(b"data:").strip() for line in lines if line.startswith(b"data:")):
        for choice in part.get("choices") or []:
            delta = choice.get("delta") or {}
            answer.text.append(delta.get("content") or "")
            answer.thought.append(delta.get("reasoning_content") or "")
            answer.why = choice.get("finish_reason") or answer.why
        if used := part.get("usage"):
            cached = (used.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
            fresh = max(0, used.get("prompt_tokens", 0) - cached)
            answer.tokens = {"input": fresh, "cached": cached, "output": used.get("completion_tokens", 0)}


def _parts(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if not line or line == b"[DONE]":
            continue
        alive()
        try:
            part = json.loads(line)
        except ValueError:
            raise _Ended(f"the server's answer cannot be understood: {line[:200].decode(errors='replace')}") from None
        if not isinstance(part, dict):
            continue
        if error := part.get("error"):
            raise _Ended(str(error.get("message", error) if isinstance(error, dict) else error))
        yield part
