"""Secrets in what a change adds."""

from __future__ import annotations

import re

from chargehand.gates.inspect.judged import PREFIX, failed, finding, passed
from chargehand.model.redaction import Redactor
from chargehand.model.work import Finding, Verdict
from chargehand.ports import Change, Sight

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)")


class Secrets:
    """Fails a change that adds something with the form of a known secret, or one of the user's own ``values``."""

    name = PREFIX + "secrets"

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def inspect(self, change: Change, sight: Sight) -> Verdict:
        redactor = self._redactor
        there = frozenset(change.files)
        added: list[tuple[str, int, str]] = []
        removed: list[str] = []
        file, line = "", 0
        for text in sight.patch(change.base, change.commit).split("\n"):
            if text.startswith("diff --git "):
                file, line = "", 0
            elif text.startswith("+++ ") and not line:
                file = text[4:].removeprefix("b/").rstrip("\t")
            elif match := _HUNK.match(text):
                line = int(match[1])
            elif line and text.startswith("+"):
                if file in there or file.startswith('"'):  # a name that git had to quote
                    added.append((file, line, text[1:]))
                line += 1
            elif line and text.startswith("-"):
                removed.append(text[1:])
            elif line and text.startswith(" "):
                line += 1
        found = self._found(redactor, added, "\n".join(removed))
        if found:
            where = ", ".join(dict.fromkeys(one.file for one in found[:5]))
            return failed(self.name, change, f"adds what looks like a secret: {where}", found)
        return passed(self.name, change, "no secret found")

    def _found(self, redactor: Redactor, added: list[tuple[str, int, str]], removed: str) -> list[Finding]:
        """A secret may run over several lines, so all that is added is looked at in one piece; what only moved is no news."""
        whole = "\n".join(text for _, _, text in added)
        starts, at = [], 0
        for _, _, text in added:
            starts.append(at)
            at += len(text) + 1
        found, number = [], 0
        for start, end in redactor.spans(whole):
            while number + 1 < len(starts) and starts[number + 1] <= start:
                number += 1
            file, line, _ = added[number]
            if whole[start:end] not in removed:
                fix = "take it out, and read it from the environment"
                found.append(finding(self.name, file, "looks like a secret", line=line, fix=fix, severity="critical"))
        return found
