"""What programs have in common that can ask the models of any provider, when they are told where and with which key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from chargehand.agents.driver import Driver
from chargehand.agents.meter.routes import DEFAULT_URL, KEY_VARIABLES, URL_VARIABLES
from chargehand.model.config import AgentConfig
from chargehand.ports import Api, Call, Gateway, Prepared

_PROVIDERS: dict[str, Api] = {"anthropic": "anthropic", "openai": "openai", "google": "gemini", "gemini": "gemini"}

OURS = "chargehand"
"""The provider they are told of."""


SHUT = dict.fromkeys(("BASH_ENV", "ENV", "LD_PRELOAD", "NODE_OPTIONS"), "")
"""For programs that read a workspace's ``.env``: what is set is not replaced, and these would make others execute something."""


class AnyProvider(Driver):
    """A driver of such a program. The model may be named with its provider (``anthropic/claude-sonnet-4-5``), which then says what
    protocol is spoken unless the settings do."""

    speaks: ClassVar[tuple[Api, ...]] = ("openai", "anthropic", "gemini")

    def __init__(self, name: str, config: AgentConfig, root: Path) -> None:
        super().__init__(name, config, root)
        provider, slash, model = config.model.partition("/")
        named = _PROVIDERS.get(provider, "") if slash else ""
        if named in self.speaks and not config.api:
            self.api = named
        self.bare = model if named and named == self.api else config.model

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""
        missing = (
            "" if self.model or self.config.login else f"agent {self.name!r}: no model is named (hint: [agents.{self.name}] model)"
        )
        return super().preflight() or missing

    def access(self, call: Call, ambient: Mapping[str, str]) -> Gateway:
        """Where the model is and the key for it; both empty for the program's own login."""
        if call.gateway:
            return call.gateway
        names = (self.config.key,) if self.config.key else KEY_VARIABLES[self.api]
        key = "" if self.config.login else next((ambient[name] for name in names if ambient.get(name)), "")
        return Gateway(self.upstream(ambient) or DEFAULT_URL[self.api], key) if key else Gateway("", "")

    def upstream(self, ambient: Mapping[str, str]) -> str:
        """Who else speaks the provider's protocol, where the user said so; empty: the provider itself."""
        return (self.config.url or ambient.get(URL_VARIABLES[self.api], "")).rstrip("/")

    def address(self, url: str) -> str:
        """The address with the version of the protocol, which these programs do not add."""
        return f"{url}/v1beta" if self.api == "gemini" and not url.endswith("/v1beta") else self.versioned(url)


def with_schema(instructions: str, schema: str) -> str:
    """Instructions for a program that has no better way to be told how its answer must look."""
    if not schema:
        return instructions
    asked = f"Your last message must be one JSON object that fits this JSON Schema, with nothing before or after it:\n{schema}"
    return f"{instructions}\n\n{asked}" if instructions else asked


def refused(program: str, found: list[str]) -> Prepared:
    """A call that only says why it was not made: the program would obey these files, and has no setting that keeps it from it."""
    why = f"{', '.join(found)}: {program} would obey this, and the workspace is not trusted"
    return Prepared(argv=("/bin/sh", "-c", 'printf "%s\\n" "$1" >&2; exit 1', "sh", why))
