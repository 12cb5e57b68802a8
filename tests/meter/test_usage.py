"""Usage is read the same, however the answer is cut into pieces."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.agents.meter.routes import Kind
from chargehand.agents.meter.usage import Reader
from chargehand.model.work import Tokens
from tests.meter.world import ANTHROPIC_STREAM, sse

STREAMS: dict[Kind, bytes] = {
    "messages": b"event: message_start\r\n" + sse(*ANTHROPIC_STREAM).replace(b"\n", b"\r\n"),
    "responses": sse(
        {"type": "response.created", "response": {"model": "m-1", "usage": None}},
        {"type": "response.output_text.delta", "delta": "hello \U0001f600"},
        {"type": "response.completed", "response": {"model": "m-1", "usage": {"input_tokens": 9, "output_tokens": 4}}},
    ),
    "chat": sse(
        {
            "object": "chat.completion.chunk",
            "choices": [{"delta": {"content": "hi"}}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1},
        },
        {"object": "chat.completion.chunk", "choices": [{"delta": {}}], "usage": {"prompt_tokens": 9, "completion_tokens": 4}},
        "[DONE]",
    ),
    "gemini": sse(
        {
            "candidates": [{"content": {"parts": [{"text": "a"}]}}],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1},
        },
        {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4}},
    ),
}
WANTED = {
    "messages": Tokens(1000, 500, 100, 40),
    "responses": Tokens(input=9, output=4),
    "chat": Tokens(input=9, output=4),
    "gemini": Tokens(input=9, output=4),
}


@given(kind=st.sampled_from(sorted(STREAMS)), cuts=st.lists(st.integers(0, 1000), max_size=8), end=st.integers(0, 1000))
def test_pieces_do_not_matter(kind: Kind, cuts: list[int], end: int) -> None:
    text = STREAMS[kind]
    reader = Reader(kind, stream=True)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for start, stop in pairwise(places):
        reader.feed(text[start:stop])
    reader.close()
    assert reader.finished
    assert reader.settle(400) == (WANTED[kind], False)

    cut = Reader(kind, stream=True)
    cut.feed(text[: min(end, len(text))])
    cut.close()
    tokens, estimated = cut.settle(400)
    assert tokens.input > 0
    assert estimated is not cut.finished
    assert tokens.output <= max(WANTED[kind].output, 100)


def test_what_was_heard_is_charged_when_the_end_is_missing() -> None:
    reader = Reader("messages", stream=True)
    reader.feed(sse(*ANTHROPIC_STREAM[:2]))
    assert reader.settle(4000) == (Tokens(1000, 500, 100, 100), True)
    reader = Reader("chat", stream=True)
    reader.feed(sse({"choices": [{"delta": {"content": "x" * 80, "tool_calls": [{"function": {"arguments": "y" * 40}}]}}]}))
    assert reader.settle(4000) == (Tokens(input=1000, output=30), True)


def test_the_first_event_does_not_tell_what_the_answer_will_be() -> None:
    start, delta, end, stop = ANTHROPIC_STREAM
    reader = Reader("messages", stream=True)
    reader.feed(sse(start, delta, {**end, "usage": None}, stop))
    assert reader.finished
    assert reader.settle(4000) == (Tokens(1000, 500, 100, 100), True)


@pytest.mark.parametrize("kind", sorted(STREAMS))
@pytest.mark.parametrize(
    "odd",
    [
        [1, "x", None],
        {"usage": "many", "choices": 5, "candidates": {"a": 1}, "response": [], "delta": 3, "message": None, "usageMetadata": 1},
        {"usage": {"input_tokens": -5, "output_tokens": "9", "prompt_tokens": True}, "usageMetadata": {"promptTokenCount": 1.5}},
    ],
)
def test_nonsense_is_passed_over(kind: Kind, odd: Any) -> None:
    for stream in (True, False):
        reader = Reader(kind, stream=stream)
        reader.feed(sse(odd) if stream else json.dumps(odd).encode())
        reader.feed(b"data: {broken\n\n\xff\xfe\n")
        reader.close()
        tokens, _ = reader.settle(40)
        assert min(tokens.input, tokens.cached, tokens.cache_write, tokens.output) >= 0


def test_a_line_without_end_takes_no_memory() -> None:
    reader = Reader("chat", stream=True)
    for _ in range(100):
        reader.feed(b"x" * 1_000_000)
    assert len(reader._rest) < 40_000_000
