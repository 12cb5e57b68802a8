"""llama.cpp's server, and any other that speaks Chat Completions and only answers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from chargehand.agents.text_model import TextModel
from chargehand.model.config import AgentConfig
from chargehand.ports import Api


class LlamaAgent(TextModel):
    """An `Agent` that is the model a llama.cpp server has loaded. ``key`` names the variable with its key, if it wants one."""

    program = "llama"
    speaks: ClassVar[tuple[Api, ...]] = ("openai",)
    protocol = "chat"
    default_url = "http://127.0.0.1:8080"
    server = "llama-server"

    def __init__(self, name: str, config: AgentConfig, root: Path) -> None:
        super().__init__(name, config, root)
        self.own_server = self.url

    def endpoint(self, url: str) -> str:
        """The address below which its paths are."""
        return self.versioned(url)
