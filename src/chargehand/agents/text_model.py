"""Models behind a server of one's own, which only answer: fit for reviews and plans, not for editing."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from chargehand.agents.ours import Ours
from chargehand.model.config import AgentConfig
from chargehand.model.errors import ConfigProblem
from chargehand.ports import Call, Prepared
from chargehand.process.inside import PORTS

REACH_S = 2.0
"""So long (seconds) a server has to show that it is there."""


class TextModel(Ours):
    """An `Agent` that is a model without tools. A kind says where its server is, and how it is started.

    ``login_hosts`` is what must be reached from a cage: the server is on this machine, or wherever ``url`` says.
    """

    module = "text_model"
    protocol: ClassVar[str]
    default_url: ClassVar[str]
    server: ClassVar[str]
    edits = False
    resumes = False

    def __init__(self, name: str, config: AgentConfig, root: Path) -> None:
        super().__init__(name, config, root)
        self.url = (config.url or self.default_url).rstrip("/")
        place = urlsplit(self.url)
        try:
            port = place.port or (443 if place.scheme == "https" else 80)
        except ValueError:
            port = 0
        if place.scheme not in ("http", "https") or not place.hostname or not port:
            raise ConfigProblem(f"agent {name!r}: {self.url!r} is no address", hint=f'[agents.{name}] url = "{self.default_url}"')
        self._server = (place.hostname, port)
        self.login_hosts = (f"{place.hostname}:{port}",)

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""
        host, port = self._server
        try:
            socket.create_connection((host, port), timeout=REACH_S).close()
        except OSError as problem:
            why = problem.strerror or problem
            return (
                f"agent {self.name!r}: no server answers at {self.url}: {why}"
                f" (hint: start it with {self.server}, or set [agents.{self.name}] url)"
            )
        return ""

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started."""
        key = call.gateway.key if call.gateway else ambient.get(self.config.key, "") if self.config.key else ""
        told = {
            "protocol": self.protocol,
            "url": self.endpoint(call.gateway.url if call.gateway else self.url),
            "model": self.model,
            "instructions": self.instructions(call),
            "schema": call.schema,
            # Who asks for no key has nobody pay.
            "cost_usd": None if self.config.key or self.price else 0.0,
            "way_out": "" if call.gateway else f"127.0.0.1:{PORTS['proxy']}",
        }
        return self.start(call, ambient, told, key)

    def endpoint(self, url: str) -> str:
        """The address below which its paths are."""
        return url
