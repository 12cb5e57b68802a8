"""Write the JSON Schemas of what others read or write. Run: python tools/schemas.py [directory]"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from chargehand.model.config import Config
from chargehand.model.facts import Fact
from chargehand.service import auditoutputs, foreseen, outputs, results, setupoutputs, specoutputs

SCHEMAS: dict[str, tuple[str, Any]] = {
    "config": ("chargehand.toml, or [tool.chargehand] in pyproject.toml", Config),
    "asked": ("chargehand stop, pause, resume or cancel, with --json", outputs.Asked),
    "audit-log": ("chargehand audit-log --output FILE --json", auditoutputs.AuditLog),
    "check": ("chargehand check --json", outputs.Check),
    "compliance": ("chargehand verify --json", specoutputs.Compliance),
    "config-show": ("chargehand config show --json", setupoutputs.ConfigShow),
    "costs": ("chargehand costs --json", outputs.Costs),
    "decided": ("chargehand approve, reject or skip ID --json", outputs.Decided),
    "diff": ("chargehand diff ID --json", outputs.Diff),
    "doctor": ("chargehand doctor --json", setupoutputs.Doctor),
    "error": ("any command with --json that cannot do its work", outputs.Error),
    "gc": ("chargehand gc --json", auditoutputs.Gc),
    "init": ("chargehand init --json", setupoutputs.Init),
    "logs": ("chargehand logs ID --json", outputs.Logs),
    "calibration": ("chargehand plan --calibration --json", foreseen.Calibration),
    "forecast": ("chargehand plan --forecast --json; null when nothing is left to do", foreseen.ForecastObject | None),
    "drafted": ("chargehand plan --from FILE --json", foreseen.Drafted),
    "draft-foreseen": ("chargehand plan --from FILE --dry-run --json", foreseen.DraftForeseen),
    "plan": ("chargehand plan --json", foreseen.Plan),
    "planned": ("chargehand run --dry-run --json", outputs.Planned),
    "questions": ("chargehand approve --json", outputs.Questions),
    "rebuilt": ("chargehand doctor --rebuild FILE --json", auditoutputs.Rebuilt),
    "report": ("chargehand report --json", specoutputs.TraceReport),
    "reset": ("chargehand reset --json", outputs.Reset),
    "result": ("a task of chargehand run --json-result: one object, or a list of them", results.Result),
    "retry": ("chargehand retry, undo or review-run, with --json, while a run is under way", outputs.HandedOver),
    "show": ("chargehand show ID --json", outputs.Show),
    "status": ("chargehand status --json", outputs.Status),
    "task-graph": ("chargehand task graph --json", specoutputs.TaskGraph),
    "task-list": ("chargehand task list or next --json", specoutputs.TaskList),
    "task-marked": ("chargehand task start, done, block or check, with --json", specoutputs.TaskMarked),
    "task-show": ("chargehand task show ID --json", specoutputs.TaskShow),
    "task-stats": ("chargehand task stats --json", specoutputs.TaskStats),
    "trust": ("chargehand trust --json", setupoutputs.Trust),
    "verify": ("chargehand verify --audit FILE --json", auditoutputs.Verified),
    "why": ("chargehand why ID --json", outputs.Why),
}

_HEAD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "schema_version": {"type": "integer"},
        "seq": {"type": "integer", "description": "the number of the event in the ledger"},
        "at": {"type": "string", "format": "date-time"},
        "run": {"type": "string"},
    },
    "required": ["schema_version", "seq", "at", "run"],
}

_AUDIT = (auditoutputs.AuditHeader, auditoutputs.AuditReset, auditoutputs.AuditSeal)
_CHAIN = {
    "operator": {"type": "string", "description": "who started or continued the run"},
    "prev": {"type": "string", "description": "the hash of the line before"},
    "hash": {"type": "string", "description": "SHA-256 of this line without its hash"},
}


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, (title, kind) in SCHEMAS.items():
        _write(directory, name, title, msgspec.json.schema(kind, schema_hook=_any))
    fact = msgspec.json.schema(Fact, schema_hook=_any)
    definitions = fact.pop("$defs")
    _write(directory, "event", "a line of chargehand run --json", {"allOf": [_HEAD, fact], "$defs": definitions})
    others, more = msgspec.json.schema_components(_AUDIT, ref_template="#/$defs/{name}")
    chained = {**_HEAD, "properties": {**_HEAD["properties"], **_CHAIN}, "required": [*_HEAD["required"], *_CHAIN]}
    line = {"anyOf": [{"allOf": [chained, fact]}, *others], "$defs": {**definitions, **more}}
    _write(directory, "audit-log-line", "a line of chargehand audit-log", line)


def _write(directory: Path, name: str, title: str, schema: dict[str, Any]) -> None:
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}
    (directory / f"{name}.schema.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _any(kind: type) -> dict[str, object]:
    if kind is not object:
        raise NotImplementedError
    return {"description": "any value"}  # msgspec takes an empty schema for none


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "src" / "chargehand" / "schemas")
