"""The checklists of tasks at work, as their agents have ticked them."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from chargehand.service.boardcards import Card
from chargehand.service.boardview import Feed


class Ticks:
    """Read from the specs in their workspaces."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._read: dict[bytes, dict[str, tuple[int, int]]] = {}
        self._seen: dict[Path, tuple[tuple[int, int], bytes]] = {}

    def of(self, cards: Iterable[Card]) -> dict[str, tuple[int, int]]:
        """Ticked and all items of those tasks whose workspace holds the spec. A spec is read again only when it changed."""
        found = {}
        for card in cards:
            if card.work and (counts := self._file(card.work.root).get(card.id)) and counts[1]:
                found[card.id] = counts
        return found

    def _file(self, root: str) -> dict[str, tuple[int, int]]:
        run = self._feed.run
        path = self._feed.project.state / "work" / root / (run["spec"] if run else "")
        try:
            stat = path.stat()
            mark = (stat.st_mtime_ns, stat.st_size)
            if path not in self._seen or self._seen[path][0] != mark:
                data = path.read_bytes()
                digest = blake2b(data).digest()
                self._seen[path] = (mark, digest)
                if digest not in self._read:
                    self._read = dict(list(self._read.items())[-64:])
                    self._read[digest] = _ticked(data)
        except OSError:
            return {}
        return self._read.get(self._seen[path][1], {})


def _ticked(data: bytes) -> dict[str, tuple[int, int]]:
    from chargehand.spec.load import check

    spec, _ = check(data, "tasks.md")
    return {task.id: (sum(item.done for item in task.checklist), len(task.checklist)) for task in spec.tasks} if spec else {}
