"""Where in a transcript the answer stands that was asked for as a JSON object."""

from __future__ import annotations

from collections.abc import Iterator


def objects(transcript: str, key: str) -> Iterator[str]:
    """Texts that may be the object with this key, the likeliest first: all from the first brace to the last (it may be written over
    several lines, perhaps fenced), then line by line from the end."""
    block = transcript[transcript.find("{") : transcript.rfind("}") + 1]
    quoted = f'"{key}"'
    return (text for text in (block, *reversed(transcript.splitlines())) if quoted in text)
