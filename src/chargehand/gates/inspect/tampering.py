"""Tests made weaker, and programs that look whether they are being tested.

What a task names it may rewrite, and so lose tests or assertions; that a run is forced to its end, or the runner itself is bent,
is never part of a task.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from chargehand.gates.inspect.globs import listed, matches, named
from chargehand.gates.inspect.judged import PREFIX, failed, finding, passed
from chargehand.gates.inspect.languages import language
from chargehand.gates.inspect.protected import gate_files
from chargehand.gates.inspect.tests_in import Contents, contents, is_test
from chargehand.model.config import Config
from chargehand.model.work import Finding, Verdict
from chargehand.ports import Change, Sight

_SETUPS = ("**/conftest.py", "**/jest.setup.*", "**/vitest.setup.*", "**/*setupTests*", "**/spec_helper.rb", "**/test_helper.rb")
_SCRIPTS = (
    *("**/Makefile", "**/makefile", "**/GNUmakefile", "**/*.mk", "**/justfile", "**/Justfile", "**/*.sh", "**/package.json"),
    *("**/tox.ini", "**/noxfile.py", "**/pytest.ini", "**/setup.cfg", "**/pyproject.toml", ".github/workflows/*", ".gitlab-ci.yml"),
    *("**/composer.json", "**/Rakefile", "**/Taskfile.y*ml"),
)
_SHRUGS = re.compile(
    r"\|\|\s{0,9}(?:true\b|:(?=\s|$)|exit\s+0|echo\b)|;\s{0,9}(?:true|exit 0)\s{0,9}(?:$|\")|\bset \+e\b|--pass-?with-?no-?tests"
    r"|(?:continue-on-error|allow_failure):\s{0,9}true|--deselect\b|--ignore(?:-glob)?[= ]|--collect-only|^\t-\s{0,9}\S"
    r"|--no-fail\b|--exit-zero\b",
    re.MULTILINE | re.IGNORECASE,
)
_SPIES = re.compile(
    r"PYTEST_CURRENT_TEST|PYTEST_VERSION|[\"'](?:pytest|unittest|_pytest)[\"']\s+(?:not\s+)?in\s+sys\.modules|JEST_WORKER_ID|\bVITEST(?:_WORKER_ID)?\b"
    r"|NODE_ENV\s*={2,3}\s*[\"']test|NODE_TEST_CONTEXT|CHARGEHAND_|flag\.Lookup\(\"test\.v\"\)|testing\.Testing\(\)|RAILS_ENV[^\n]{0,12}test"
)
_MANY = 300


class Tampering:
    """Fails a change that deletes or empties tests of the base, drops assertions, skips more, forces an exit, bends the runner, or
    makes a failing command look well."""

    name = PREFIX + "tests"

    def __init__(self, config: Config) -> None:
        self._gates = gate_files(config.gates.values())

    def inspect(self, change: Change, sight: Sight) -> Verdict:
        told = [*self._weaker(change, sight), *self._bent(change, sight)]
        if told:
            said = listed([f"{one.file}: {one.evidence}" for one in told], 3)
            return failed(self.name, change, said, told)
        return passed(self.name, change, "no test was weakened")

    def _weaker(self, change: Change, sight: Sight) -> Iterator[Finding]:
        """What is lost, counted over all tests of the change, so that a test may move to another file."""
        paths = [path for path in change.files[:_MANY] if is_test(path) or path.endswith(".rs")]
        base = {path: sight.read(change.base, path) for path in paths}
        commit = {path: sight.read(change.commit, path) for path in paths}
        now: Counter[str] = Counter()
        for path, data in commit.items():
            if data is not None and (found := contents(path, data)):
                now |= found.asserts
        for path, data in base.items():
            if data is None or named(change.task, path):
                continue
            before, after = contents(path, data), contents(path, commit[path] or b"")
            if before is None or after is None:
                if commit[path] is None:
                    yield self._say(path, "was deleted", "put it back")
                continue
            yield from self._lost(path, before, after, now, gone=commit[path] is None)

    def _lost(self, path: str, before: Contents, after: Contents, now: Counter[str], *, gone: bool) -> Iterator[Finding]:
        names = [name for name in before.asserts if name]
        lost = [name for name in names if name not in now]
        if gone and not lost and names:
            return  # all of its tests are elsewhere
        if gone:
            yield self._say(path, f"was deleted, with {len(lost)} tests" if names else "was deleted", "put it back")
            return
        for name in lost:
            yield self._say(path, f"the test {name} is gone", "put it back; a test is only changed by a task that names its file")
        for name, count in before.asserts.items():
            if name and name not in lost and now[name] < count:
                yield self._say(path, f"{name} has {now[name]} assertions, and had {count}", "put them back")
        if not names and after.asserts[""] < before.asserts[""]:
            yield self._say(path, f"has {after.asserts['']} assertions, and had {before.asserts['']}", "put them back")
        if after.skips > before.skips:
            yield self._say(path, "more tests are skipped, cut short, or not looked at", "let them run")

    def _bent(self, change: Change, sight: Sight) -> Iterator[Finding]:
        for path in change.files[:_MANY]:
            tests, setup = is_test(path), matches(path, _SETUPS)
            script = matches(path, (*_SCRIPTS, *self._gates))
            source = not tests and language(path) is not None
            if not (tests or setup or script or source):
                continue
            old, new = sight.read(change.base, path) or b"", sight.read(change.commit, path) or b""
            if tests or setup:
                before, after = contents(path, old), contents(path, new)
                if before and after and after.exits > before.exits:
                    yield self._say(path, "ends the run by force", "let the tests run to their end")
                if before and after and after.hooks > before.hooks:
                    yield self._say(path, "bends the test runner", "leave the runner alone; change what is tested")
            if script and _more(_SHRUGS, old, new):
                yield self._say(path, "makes a command that fails look well, or leaves tests out", "let it fail")
            if source and not setup and _more(_SPIES, old, new):
                yield self._say(path, "looks whether it is being tested", "do the same in tests as elsewhere")

    def _say(self, path: str, evidence: str, fix: str) -> Finding:
        return finding(self.name, path, evidence, fix=fix, severity="critical")


def _more(pattern: re.Pattern[str], old: bytes, new: bytes) -> bool:
    """Whether the new text holds more of these, or others."""
    before, after = (Counter(pattern.findall(data.decode("utf-8", "replace"))) for data in (old, new))
    return bool(after - before)


def guarded(change: Change, sight: Sight) -> dict[str, bytes]:
    """The tests of the base, and what sets them up, that a change touched although its task does not name them, as they were."""
    mine = (path for path in change.files if is_test(path) or matches(path, _SETUPS))
    return dict(_touched(change, sight, (path for path in mine if not named(change.task, path))))


def _touched(change: Change, sight: Sight, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        data = sight.read(change.base, path)
        if data is not None:
            yield path, data
