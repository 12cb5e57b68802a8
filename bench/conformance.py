"""How many files of the corpus are read with the tasks a person counts in them, by format. Run: python bench/conformance.py"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from pathlib import Path

from chargehand.spec.load import check

ROOT = Path(__file__).parents[1]
EXPECTED = ROOT / "tests" / "spec" / "expected"
CORPUS = Path(os.environ.get("CHARGEHAND_CORPUS") or ROOT.parent / "shared" / "corpus")
FOLDERS = {"backlog": "backlog-md"}
COLUMNS = ("files", "by eye", "not by eye", "as counted", "refused rightly", "wrong", "tasks", "not counted")


def rows() -> dict[str, Counter[str]]:
    """For each format how its files fare. A file nobody counted is only read."""
    index = json.loads((CORPUS / "index.json").read_text("utf-8"))
    found: dict[str, Counter[str]] = {}
    for entry in index:
        if entry["kind"] in {"requirements", "design", "spec-delta"}:
            continue
        folder, _, name = entry["file"].partition("/")
        format_name = next((known for known, place in FOLDERS.items() if place == folder), folder)
        counts = EXPECTED / f"{format_name}.json"
        known = json.loads(counts.read_text("utf-8")) if counts.is_file() else {}
        how = next((how for how in known if name in known[how]), "")
        wanted = known[how][name] if how else None
        spec, _ = check((CORPUS / entry["file"]).read_bytes(), entry["path"])
        seen = len(spec.tasks) if spec else "refused"
        row = found.setdefault(format_name, Counter())
        row["files"] += 1
        row["tasks"] += len(spec.tasks) if spec else 0
        row[how or "not counted"] += 1
        row["as counted"] += wanted is not None and seen == wanted != "refused"
        row["refused rightly"] += seen == wanted == "refused"
        row["wrong"] += wanted is not None and seen != wanted
        if wanted is not None and seen != wanted:
            print(f"  {entry['file']}: {seen}, a person counts {wanted}")
    return found


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    table = rows()
    print(f"{'format':<14}" + "".join(f"{name:>17}" for name in COLUMNS))
    for name, row in table.items():
        print(f"{name:<14}" + "".join(f"{row[column]:>17,}" for column in COLUMNS))
    total = sum(table.values(), Counter())
    print(f"{'all':<14}" + "".join(f"{total[column]:>17,}" for column in COLUMNS))


if __name__ == "__main__":
    main()
