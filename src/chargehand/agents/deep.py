"""An agent of our own on an agent library, for those who have a key and no CLI. The library is an extra."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from chargehand.agents.ours import Ours
from chargehand.agents.providers import AnyProvider
from chargehand.ports import Call, Prepared

_LIBRARY = "pydantic_ai"
_SDKS = {"anthropic": "anthropic", "openai": "openai", "gemini": "google.genai"}


class DeepAgent(Ours, AnyProvider):
    """An `Agent` with tools for files, search, shell and a to-do list. It needs the extra ``deep``, and a key."""

    program = "deep"
    install = "pip install 'chargehand[deep]'"
    module = "deep"

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""
        missing = [name for name in (_LIBRARY, _SDKS[self.api]) if _place(name) is None]
        if missing:
            return f"agent {self.name!r}: {', '.join(missing)} is not installed (hint: {self.install})"
        if not self.model:
            return f"agent {self.name!r}: no model is named (hint: [agents.{self.name}] model)"
        return ""

    def libraries(self) -> tuple[Path, ...]:
        """Where the library and what it needs are installed."""
        found = [_place(name) for name in (_LIBRARY, _SDKS[self.api])]
        return tuple(dict.fromkeys(place for place in found if place))

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        access, upstream = self.access(call, ambient), self.upstream(ambient)
        url = access.url or upstream
        # A server of one's own may want none, but the provider's library does.
        key = access.key or ("none" if upstream else "")
        told = {
            "api": self.api,
            # Those who only speak as OpenAI does know the older of its two protocols.
            "chat": bool(upstream),
            "url": self.versioned(url) if self.api == "openai" and url else url,
            "direct": call.gateway is not None,
            "model": self.bare,
            "instructions": self.instructions(call),
            "schema": call.schema,
            "read_only": call.read_only,
            "max_turns": self.config.max_turns,
            "workspace": call.workspace,
            "home": call.home,
            "session": call.session,
            "resume": call.resume,
            "fork": call.fork,
        }
        return self.start(call, ambient, told, key)


def _place(name: str) -> Path | None:
    """The folder a package was installed into; None when it was not. It is not imported."""
    try:
        found = find_spec(name)
    except ImportError:
        return None
    if not found or not found.origin:
        return None
    return Path(found.origin).parents[name.count(".") + 1]
