"""The end-to-end kit, for landing."""

from __future__ import annotations

from tests.run.conftest import Place, place

__all__ = ["Place", "place"]
