"""Whether a change makes the files its task is about."""

from __future__ import annotations

import re

from chargehand.gates.inspect.asked import asked
from chargehand.gates.inspect.globs import listed, matches
from chargehand.gates.inspect.judged import PREFIX, failed, finding, passed
from chargehand.model.work import Verdict
from chargehand.ports import Change, Sight

_GOES = re.compile(r"\b(?:remov|delet|drop|renam|mov|replac|get rid)\w*", re.IGNORECASE)


class ExpectedFiles:
    """Fails a change after which a file its task asks for is not there (unless the task is about removing or moving files), and one
    that changes none of them. What the task's text merely mentions is not asked for."""

    name = PREFIX + "files"

    def inspect(self, change: Change, sight: Sight) -> Verdict:
        wanted = asked(change.task)
        if not wanted:
            return passed(self.name, change, "the task asks for no file by its name")
        there = sight.list(change.commit)
        folders = {path[:at] for path in there for at, sign in enumerate(path) if sign == "/"}
        missing = [path for path in wanted if path not in there and path not in folders]
        task = change.task
        if missing and _GOES.search(f"{task.title}\n{task.description}"):
            missing = []
        if missing:
            told = [finding(self.name, path, "the task asks for it, and it is not there", fix=f"make {path}") for path in missing]
            return failed(self.name, change, f"files the task asks for are missing: {listed(missing)}", told)
        touched = [path for path in wanted if any(matches(file, [path]) for file in change.files)]
        if not touched:
            told = [finding(self.name, path, "the task is about it, and it did not change") for path in wanted]
            return failed(self.name, change, f"none of the files the task is about changed: {listed(wanted)}", told)
        same = [path for path in wanted if path not in touched]
        return passed(
            self.name, change, f"{len(touched)} of {len(wanted)} named changed" + (f", not {listed(same)}" if same else "")
        )
