"""Requests and their answers in a file, to be played again without a network.

A request is found again by what it says: identifiers, dates, paths and the like differ from run to run. The same request asked
several times gets its answers in order, then the last one again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chargehand.agents.meter.routes import Route
from chargehand.model.errors import ConfigProblem
from chargehand.model.redaction import Redactor

_CHANGING_KEYS = frozenset(
    {"metadata", "client_metadata", "user", "prompt_cache_key", "safety_identifier", "session_id", "conversation", "cache_control"}
)
_CHANGING_TEXT = (
    (re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"), "<date>"),
    (re.compile(r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, [A-Z][a-z]+ \d{1,2}, \d{4}"), "<date>"),
    (re.compile(r"(?<![\w.<])/(?:[\w.@+-]+/)+[\w.@+-]*"), "<path>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b"), "<hex>"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|seconds)\b"), "<time>"),
)
_SECRET_HEADERS = frozenset({"set-cookie", "openai-organization", "openai-project", "anthropic-organization-id"})


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a cassette: ``key`` is what the request is found by, ``request`` is there to be read by people."""

    key: str
    request: str
    status: int
    headers: list[tuple[str, str]]
    body: str


def key_of(asked: Route, body: bytes) -> str:
    """What a request is found by."""
    try:
        said = _steady(msgspec.json.decode(body)) if body else None
    except msgspec.DecodeError:
        said = body.decode("utf-8", "replace")
    text = msgspec.json.encode([asked.kind, asked.path, said], order="deterministic")
    return hashlib.sha256(text).hexdigest()[:32]


def _steady(value: Any) -> Any:
    match value:
        case str():
            for pattern, name in _CHANGING_TEXT:
                value = pattern.sub(name, value)
            return value
        case dict():
            return {key: _steady(inner) for key, inner in value.items() if key not in _CHANGING_KEYS}
        case list():
            return [_steady(inner) for inner in value]
        case _:
            return value


class Recorder:
    """Appends what was asked and answered, without secrets."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def record(
        self, asked: Route, request: bytes, status: int, headers: Sequence[tuple[str, str]], body: bytes, secrets: Sequence[str]
    ) -> None:
        """Raises OSError."""
        redactor = Redactor(secrets)
        line = Played(
            key=key_of(asked, request),
            request=redactor.text(request.decode("utf-8", "replace")),
            status=status,
            headers=[(name, redactor.text(value)) for name, value in headers if name.lower() not in _SECRET_HEADERS],
            body=redactor.text(body.decode("utf-8", "replace")),
        )
        text = msgspec.json.encode(line) + b"\n"
        while text:
            text = text[os.write(self._file, text) :]


class Player:
    """Answers requests from a cassette. Raises ConfigProblem when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._answers: dict[str, list[Played]] = {}
        try:
            for line in path.read_bytes().splitlines():
                played = msgspec.json.decode(line, type=Played)
                self._answers.setdefault(played.key, []).append(played)
        except OSError as error:
            raise ConfigProblem(f"cannot read the cassette {path}: {error.strerror}", hint="record one first") from error
        except msgspec.MsgspecError as error:
            raise ConfigProblem(f"{path} is no cassette, or a damaged one", hint="record it anew") from error

    def answer(self, asked: Route, request: bytes) -> Played | None:
        """None: this was never asked when the cassette was recorded."""
        answers = self._answers.get(key_of(asked, request))
        if not answers:
            return None
        return answers.pop(0) if len(answers) > 1 else answers[0]


def pieces(body: str) -> Iterator[bytes]:
    """A recorded body as it may have come: event by event, when it is a stream of them."""
    for piece in body.split("\n\n") if body.startswith(("data:", "event:", ":")) else [body]:
        if piece:
            yield (piece + "\n\n").encode() if piece is not body else piece.encode()
