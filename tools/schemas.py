"""Write the JSON Schemas of what others read or write. Run: python tools/schemas.py [directory]"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from chargehand.model.config import Config
from chargehand.model.facts import Event

SCHEMAS: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "config": ("chargehand.toml, or [tool.chargehand] in pyproject.toml", Config),
    "event": ("An event of the ledger", Event),
}


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, (title, kind) in SCHEMAS.items():
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": title,
            **msgspec.json.schema(kind, schema_hook=_any),
        }
        (directory / f"{name}.schema.json").write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _any(kind: type) -> dict[str, object]:
    if kind is not object:
        raise NotImplementedError
    return {"description": "any value"}  # msgspec takes an empty schema for none


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs" / "schemas")
