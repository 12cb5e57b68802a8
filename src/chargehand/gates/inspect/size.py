"""How much a change brings in."""

from __future__ import annotations

from chargehand.gates.inspect.judged import PREFIX, failed, finding, passed
from chargehand.model.config import InspectConfig
from chargehand.model.work import Verdict
from chargehand.ports import Change, Sight

_MB = 1_000_000
_LOOKED_AT = 8_000


class Size:
    """Fails a change of too many files, and files that are too big; what is binary may be less big."""

    name = PREFIX + "size"

    def __init__(self, config: InspectConfig) -> None:
        self._config = config

    def inspect(self, change: Change, sight: Sight) -> Verdict:
        most, text, binary = self._config.max_files, self._config.max_file_mb * _MB, self._config.max_binary_mb * _MB
        if len(change.files) > most:
            told = [finding(self.name, "", f"{len(change.files):,} files; at most {most:,}", fix="leave out what is generated")]
            return failed(self.name, change, f"changes {len(change.files):,} files, at most {most:,} are allowed", told)
        there = sight.list(change.commit)
        told = []
        for path in change.files:
            size = there.get(path, ("", 0))[1]
            if size > text:
                told.append(finding(self.name, path, f"{size / _MB:.1f} MB, at most {text / _MB:g}", fix="leave it out"))
            elif size > binary and b"\0" in (sight.read(change.commit, path) or b"")[:_LOOKED_AT]:
                told.append(
                    finding(self.name, path, f"{size / _MB:.1f} MB of binary data, at most {binary / _MB:g}", fix="leave it out")
                )
        if told:
            return failed(self.name, change, f"files are too big: {', '.join(one.file for one in told[:5])}", told)
        return passed(self.name, change, f"{len(change.files)} files")
