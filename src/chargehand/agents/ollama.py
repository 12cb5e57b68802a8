"""Ollama: models of one's own, asked by its HTTP server."""

from __future__ import annotations

import json
import urllib.request
from http.client import HTTPException
from typing import ClassVar

from chargehand.agents.text_model import REACH_S, TextModel
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
        if trouble := super().preflight():
            return trouble
        models = self._models()
        if models and self.model not in models and f"{self.model}:latest" not in models:
            return f"agent {self.name!r}: the server at {self.url} has no model {self.model} (hint: ollama pull {self.model})"
        return ""

    def _models(self) -> set[str]:
        """What the server has; empty when it does not say."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/tags", timeout=REACH_S) as answer:
                return {model["name"] for model in json.load(answer)["models"]}
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            return set()
