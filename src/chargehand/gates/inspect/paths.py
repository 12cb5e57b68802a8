"""Names and links that mean something else to another machine, or lead out of the tree."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator

from chargehand.gates.inspect.judged import PREFIX, failed, finding, passed
from chargehand.model.work import Finding, Verdict
from chargehand.ports import Change, Sight

_LINK, _SUBMODULE = "120000", "160000"
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{kind}{number}" for kind in ("com", "lpt") for number in range(1, 10))})
_NOT_ON_WINDOWS = frozenset('<>:"|?*\\')
_LONG = 240
_HOPS = 20


class Paths:
    """Fails links that lead out of the tree or into git's own folder, submodules, and names that other systems cannot hold or
    cannot tell from another one."""

    name = PREFIX + "paths"

    def inspect(self, change: Change, sight: Sight) -> Verdict:
        there = sight.list(change.commit)
        told = [one for path in change.files if path in there for one in self._path(change, sight, there, path)]
        told += self._twins(change, there)
        if told:
            return failed(
                self.name, change, f"{told[0].file}: {told[0].evidence}" + (f" and {len(told) - 1} more" if told[1:] else ""), told
            )
        return passed(self.name, change, "names and links are well")

    def _path(self, change: Change, sight: Sight, there: dict[str, tuple[str, int]], path: str) -> Iterator[Finding]:
        mode = there[path][0]
        if mode == _SUBMODULE:
            yield finding(self.name, path, "a submodule, which nobody judged", fix="leave submodules as they are")
        if mode == _LINK:
            target = (sight.read(change.commit, path) or b"").decode("utf-8", "replace")
            if why := _leads_out(path, target, change, sight, there):
                yield finding(
                    self.name, path, f"a link to {target[:100]}, {why}", fix="put the file itself there", severity="critical"
                )
        for part in path.split("/"):
            if why := _not_a_name(part):
                yield finding(self.name, path, why, fix="give it another name")
                break
        if len(path) > _LONG:
            yield finding(self.name, path[:80], f"a path of {len(path)} characters", fix="make it shorter")

    def _twins(self, change: Change, there: dict[str, tuple[str, int]]) -> list[Finding]:
        """Files and folders that are one and the same where case does not count."""
        mine = {part for path in change.files if path in there for part in _with_folders(path)}
        folded = {_fold(part) for part in mine}
        seen: dict[str, set[str]] = {}
        for part in {part for path in there for part in _with_folders(path)}:
            if (key := _fold(part)) in folded:
                seen.setdefault(key, set()).add(part)
        twins = {tuple(sorted(names)) for names in seen.values() if len(names) > 1}
        return [
            finding(self.name, names[0], f"differs only by case from {names[1]}", fix="give one of them another name")
            for names in sorted(twins)
            if mine.intersection(names)
        ]


def _leads_out(path: str, target: str, change: Change, sight: Sight, there: dict[str, tuple[str, int]]) -> str:
    """Why a link is not to be had; links it meets on its way count."""
    for _ in range(_HOPS):
        if not target or target.startswith(("/", "~")) or (len(target) > 1 and target[1] == ":"):
            return "which is not in the tree"
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if place == ".." or place.startswith("../"):
            return "which is not in the tree"
        if ".git" in place.lower().split("/"):
            return "which is git's own"
        parts = place.split("/")
        above = next((p for n in range(len(parts)) if there.get(p := "/".join(parts[: n + 1]), ("",))[0] == _LINK), None)
        if above is None:
            return ""
        rest = place[len(above) + 1 :]
        told = (sight.read(change.commit, above) or b"").decode("utf-8", "replace")
        path, target = above, posixpath.join(told, rest) if rest else told
    return "which leads in a circle"


def _not_a_name(part: str) -> str:
    stem = part.split(".", maxsplit=1)[0].rstrip(" ").lower()
    if stem in _RESERVED:
        return f"{part[:60]} is no name on Windows"
    if part.lower().rstrip(" .") in {".git", "git~1"}:
        return "git's own name in another spelling"
    if part != part.rstrip(" ."):
        return "a name that ends in a dot or space is another one on Windows"
    if any(ord(char) < 32 or char == "\x7f" for char in part) or any(unicodedata.category(char) in {"Cf", "Cs"} for char in part):
        return "a name with characters nobody sees"
    if wrong := _NOT_ON_WINDOWS.intersection(part):
        return f"a name with {' '.join(sorted(wrong))} cannot be on Windows"
    return ""


def _with_folders(path: str) -> Iterator[str]:
    yield path
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _fold(path: str) -> str:
    return path.lower() if path.isascii() else unicodedata.normalize("NFKC", path).casefold()
