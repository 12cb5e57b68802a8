"""Ollama: models of one's own, asked by its HTTP server."""

from __future__ import annotations

from typing import ClassVar

from chargehand.agents.text_model import TextModel
from chargehand.ports import Api


class OllamaAgent(TextModel):
    """An `Agent` that is a model served by Ollama. Its protocol is its own, so what it used is read from its answer."""

    program = "ollama"
    speaks: ClassVar[tuple[Api, ...]] = ("",)
    protocol = "ollama"
    default_url = "http://127.0.0.1:11434"
    server = "ollama serve"

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""
        if not self.model:
            return f'agent {self.name!r}: no model is named (hint: [agents.{self.name}] model = "...", one of: ollama list)'
        return super().preflight()
