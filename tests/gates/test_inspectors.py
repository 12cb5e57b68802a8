"""Looks at a change: what each inspector lets pass and what it rejects."""

from __future__ import annotations

import functools
import time

import pytest

from chargehand.gates.inspect.globs import matches
from chargehand.gates.inspect.protected import gate_files
from chargehand.gates.inspect.tampering import guarded
from chargehand.gates.inspect.tests_in import contents, is_test
from chargehand.gates.inspectors import make_inspectors
from chargehand.model.config import Config, GateConfig, InspectConfig
from chargehand.model.redaction import Redactor
from chargehand.model.task import Span, Task
from chargehand.model.work import Verdict
from chargehand.ports import Change

Files = dict[str, str | bytes | tuple[str, str]]
"""Content by path; a pair is a mode and a content."""


class Sight:
    """Two commits, ``base`` and ``new``, as plain values."""

    def __init__(self, base: Files, new: Files) -> None:
        self._commits = {"base": base, "new": new}

    def read(self, commit: str, path: str) -> bytes | None:
        found = self._commits[commit].get(path)
        text = found[1] if isinstance(found, tuple) else found
        return text.encode() if isinstance(text, str) else text

    def list(self, commit: str) -> dict[str, tuple[str, int]]:
        files = self._commits[commit]
        return {
            path: (found[0] if isinstance(found, tuple) else "100644", len(self.read(commit, path) or b""))
            for path, found in files.items()
        }

    def patch(self, base: str, commit: str) -> str:
        lines = []
        for path in self.changed():
            old, new = ((self.read(one, path) or b"").decode("utf-8", "replace") for one in (base, commit))
            lines += [f"diff --git a/{path} b/{path}", f"--- a/{path}", f"+++ b/{path}", "@@ -1 +1 @@"]
            lines += [*(f"-{line}" for line in old.splitlines()), *(f"+{line}" for line in new.splitlines())]
        return "\n".join(lines)

    def changed(self) -> tuple[str, ...]:
        base, new = self._commits.values()
        return tuple(sorted(path for path in base.keys() | new.keys() if base.get(path) != new.get(path)))


def look(base: Files, new: Files, config: Config | None = None, **task: object) -> dict[str, Verdict]:
    """What is rejected, by inspector. ``new`` holds what differs; None takes a file away."""
    sight = Sight(base, {path: found for path, found in {**base, **new}.items() if found != ""})
    asked = Task(**{"id": "TASK-001", "title": "t", "span": Span(1), **task})  # type: ignore[arg-type]
    change = Change(task=asked, base="base", commit="new", files=sight.changed())
    said = [inspector.inspect(change, sight) for inspector in make_inspectors(config or Config(), Redactor(["s3cr3t-v4lue"]))]
    assert all(verdict.commit == "new" for verdict in said)
    return {verdict.gate.removeprefix("inspect."): verdict for verdict in said if verdict.verdict == "fail"}


GONE = ""
TEST = "def test_a():\n    assert f(1) == 2\n    assert f(2) == 3\n\n\ndef test_b():\n    assert g()\n"
BASE: Files = {"src/a.py": "x = 1\n", "tests/test_a.py": TEST}


@pytest.mark.parametrize(
    ("path", "globs", "good"),
    [
        ("src/a/b.py", ["src/**"], True),
        ("src/a/b.py", ["src"], True),
        ("src/a/b.py", ["src/"], True),
        ("src/a/b.py", ["src/*.py"], False),
        ("src/a/b.py", ["src/**/*.py"], True),
        ("src/b.py", ["src/**/*.py"], True),
        ("src/a/b.py", ["*.py"], True),
        ("src/a/b.py", ["b.py"], False),
        ("srcs/b.py", ["src"], False),
        ("a[1].py", ["a[1].py"], False),
        ("a1.py", ["a[0-9].py"], True),
        ("ax.py", ["a[!0-9].py"], True),
        ("x", ["[", "a[z-a]"], False),
        ("a.b", ["a?b"], True),
    ],
)
def test_globs(path: str, globs: list[str], good: bool) -> None:
    assert matches(path, globs) is good


def test_an_honest_change_passes_all() -> None:
    more = TEST + "\n\ndef test_c():\n    assert h()\n"
    assert look(BASE, {"src/a.py": "x = 2\n", "tests/test_a.py": more, "tests/test_n.py": TEST}) == {}


def test_named_files_must_be_there_and_some_must_change() -> None:
    assert "missing: src/n.py" in look(BASE, {"src/a.py": "x = 2\n"}, files=("src/a.py", "src/n.py"))["files"].summary
    assert "none of the files" in look(BASE, {"src/z.py": "x = 2\n"}, files=("src/a.py",))["files"].summary
    assert look(BASE, {"src/a.py": "x = 2\n"}, files=("src/a.py", "tests/test_a.py", "docs/*.md")) == {}
    assert look(BASE, {"src/a.py": GONE}, files=("src/a.py",), title="Remove a") == {}


def test_what_is_outside_the_scope() -> None:
    said = look(BASE, {"src/a.py": "x = 2\n", "docs/x.md": "y"}, touches=("src/**",))
    assert "docs/x.md" in said["scope"].summary
    assert [finding.file for finding in said["scope"].findings] == ["docs/x.md"]
    assert look(BASE, {"docs/x.md": "y"}, touches=("**",)) == {}
    assert look(BASE, {"docs/x.md": "y"}) == {}


@pytest.mark.parametrize(
    "path",
    [
        *(".github/workflows/x.yml", "conftest.py", "tests/deep/conftest.py", "pytest.ini", "chargehand.toml", "sub/AGENTS.md"),
        *("a.pth", ".claude/settings.json", ".mcp.json", "sitecustomize.py", "web/jest.config.ts", ".gitlab-ci.yml"),
    ],
)
def test_what_is_protected_is_only_changed_by_a_task_that_names_it(path: str) -> None:
    assert path in look(BASE, {path: "x\n"})["protected"].summary
    assert "protected" not in look(BASE, {path: "x\n"}, touches=(path,))
    assert "protected" not in look(BASE, {path: "x\n"}, description=f"Write `{path}`.")
    assert "protected" in look(BASE, {path: "x\n"}, touches=("**",))
    assert look(BASE, {path: "x\n"}, Config(inspect=InspectConfig(protect=["other"]))) == {}


def test_a_project_without_tests_may_be_set_up() -> None:
    empty: Files = {"README.md": "x"}
    assert look(empty, {".github/workflows/ci.yml": "on: push\n", "conftest.py": "import pytest\n", "tests/test_a.py": TEST}) == {}
    assert "protected" in look(empty, {".claude/settings.json": "{}"})


def test_parts_of_files_are_protected() -> None:
    base: Files = {**BASE, "pyproject.toml": '[project]\nname = "x"\n[tool.ruff]\nline-length = 9\n'}
    base["package.json"] = '{"scripts": {"test": "jest"}, "dependencies": {}}'
    fine = {"pyproject.toml": '[project]\nname = "y"\n[tool.ruff]\nline-length = 9\n'}
    assert look(base, {**fine}) == {}
    assert look(base, {"package.json": '{"scripts": {"test": "jest", "x": "y"}, "dependencies": {"a": "1"}}'}) == {}
    assert "protected" in look(base, {"package.json": '{"scripts": {"test": "true"}}'})
    assert "protected" in look(base, {"package.json": "{"})
    assert "protected" in look(base, {"pyproject.toml": '[project]\nname = "x"\n'})
    assert "protected" in look(base, {"pyproject.toml": base["pyproject.toml"] + "[tool.pytest.ini_options]\nx=1\n"})  # type: ignore[operator]


def test_what_a_gate_is_written_in_is_protected() -> None:
    gates = {"a": GateConfig(command="make test"), "b": GateConfig(command=["bash", "scripts/t.sh"], setup="./prepare --x")}
    assert gate_files(gates.values()) == ("Makefile", "makefile", "GNUmakefile", "scripts/t.sh", "prepare")
    base: Files = {**BASE, "Makefile": "test:\n\tpytest\n"}
    assert "protected" in look(base, {"Makefile": "test:\n\ttrue\n"}, Config(gates=gates))
    assert look(base, {"Makefile": "test:\n\tpytest -q\n"}) == {}


WEAKER = {
    "gone": TEST[: TEST.index("def test_b")],
    "renamed": TEST.replace("test_b", "check_b"),
    "fewer assertions": TEST.replace("    assert f(2) == 3\n", ""),
    "commented": TEST.replace("    assert f(2)", "    # assert f(2)"),
    "quoted": TEST.replace("    assert f(2) == 3\n", '    """assert f(2) == 3"""\n'),
    "hollow": TEST.replace("assert g()", "assert True"),
    "skip": "import pytest\n\n\n@pytest.mark.skip\n" + TEST,
    "skipif": TEST.replace("def test_b", "@pytest.mark.skipif(True)\ndef test_b"),
    "xfail": TEST.replace("def test_b", "@pytest.mark.xfail\ndef test_b"),
    "return": TEST.replace("    assert g()", "    return\n    assert g()"),
    "swallowed": TEST.replace("    assert g()", "    try:\n        assert g()\n    except AssertionError:\n        pass"),
    "unseen": "__test__ = False\n" + TEST,
    "emptied": "\n",
}


@pytest.mark.parametrize("how", WEAKER)
def test_weaker_tests_are_found(how: str) -> None:
    assert "tests/test_a.py" in look(BASE, {"tests/test_a.py": WEAKER[how]})["tests"].summary
    assert look(BASE, {"tests/test_a.py": WEAKER[how]}, touches=("tests/test_a.py",)) == {}


def test_tests_may_move_and_not_vanish() -> None:
    assert look(BASE, {"tests/test_a.py": GONE, "tests/unit/test_a.py": TEST}) == {}
    assert "was deleted" in look(BASE, {"tests/test_a.py": GONE})["tests"].summary
    assert (
        "fewer" not in look(BASE, {"tests/test_a.py": GONE, "tests/test_n.py": TEST.replace("assert g()", "g()")})["tests"].summary
    )


BENT = {
    "tests/test_n.py": ["import os\nos._exit(0)\n", "import sys\nsys.exit()\n", "raise SystemExit(0)\n", "sys.exit(0)\n"],
    "conftest.py": [
        *("def pytest_collection_modifyitems(items):\n    items.clear()\n", "import atexit, os\natexit.register(f)\n"),
        *("import _pytest.runner\n", "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n"),
    ],
    "web/a.test.ts": ["process.exit(0)\n", "globalThis.expect = fake\n"],
    "a_test.go": ["func TestMain(m *testing.M) { os.Exit(0) }\n"],
    "tests/a.rs": ["#[test]\nfn a() { std::process::exit(0); }\n"],
    "src/test/java/ATest.java": ["@Test void a() { System.exit(0); }\n"],
    "spec/a_spec.rb": ["at_exit { exit! 0 }\n"],
    "tests/ATest.php": ["exit(0);\n"],
    "Makefile": ["test:\n\tpytest || true\n", "test:\n\t-pytest\n"],
    "tox.ini": ["commands = pytest --deselect tests/test_a.py\n"],
    ".github/workflows/ci.yml": ["steps:\n  - run: x\n    continue-on-error: true\n"],
    "src/a.py": ["import os\nx = 'PYTEST_CURRENT_TEST' in os.environ\n", "import sys\nif 'pytest' in sys.modules: x = 3\n"],
    "web/a.ts": ["if (process.env.NODE_ENV === 'test') x()\n", "if (process.env.JEST_WORKER_ID) x()\n"],
}


@pytest.mark.parametrize(("path", "text"), [(path, text) for path, texts in BENT.items() for text in texts])
def test_what_no_task_may_ask_for(path: str, text: str) -> None:
    assert path in look(BASE, {path: text}, touches=(path,))["tests"].summary


FOREIGN = {
    "web/a.test.ts": (
        "it('adds', () => { expect(add(1)).toBe(2) })\n",
        ["it.skip('adds', () => { expect(add(1)).toBe(2) })\n", "\n"],
    ),
    "a_test.go": (
        'func TestA(t *testing.T) {\n\tt.Errorf("x")\n}\n',
        ['func TestA(t *testing.T) {\n\tt.Skip()\n\tt.Errorf("x")\n}\n'],
    ),
    "tests/a.rs": ("#[test]\nfn a() { assert_eq!(f(), 1); }\n", ["#[test]\n#[ignore]\nfn a() { assert_eq!(f(), 1); }\n", "\n"]),
    "src/lib.rs": ("fn f() {}\n#[test]\nfn a() { assert_eq!(f(), 1); }\n", ["fn f() {}\n"]),
    "src/test/java/ATest.java": (
        "@Test\npublic void a() { assertEquals(1, f()); }\n",
        ["@Test\n@Disabled\npublic void a() { assertEquals(1, f()); }\n"],
    ),
    "spec/a_spec.rb": ("it 'a' do\n  expect(f).to eq 1\nend\n", ["xit 'a' do\n  expect(f).to eq 1\nend\n", "it 'a' do\nend\n"]),
    "tests/ATest.php": (
        "function testA() { $this->assertSame(1, f()); }\n",
        ["function testA() { $this->markTestSkipped(); $this->assertSame(1, f()); }\n"],
    ),
}


@pytest.mark.parametrize(("path", "weaker"), [(path, weaker) for path, (_, texts) in FOREIGN.items() for weaker in texts])
def test_weaker_tests_in_other_languages(path: str, weaker: str) -> None:
    base: Files = {path: FOREIGN[path][0]}
    assert path in look(base, {path: weaker})["tests"].summary
    assert look(base, {path: FOREIGN[path][0] + "\n"}) == {}


@pytest.mark.parametrize(
    "path", ["tests/a.py", "test_x.py", "x_test.go", "a/__tests__/x.js", "src/x.spec.ts", "spec/a.rb", "ATest.java"]
)
def test_what_is_a_test(path: str) -> None:
    assert is_test(path)
    assert not any(is_test(other) for other in ("src/a.py", "latest.py", "tests/__init__.py", "tests/data.json", "contest.js"))


@pytest.mark.parametrize(
    "unit", ["/*", 'it("', "@Test ", "except ", '"""\n', "assert.", "exit(        ", "return ", "\n", " ", "#[test("]
)
def test_hostile_text_takes_no_longer_than_other_text(unit: str) -> None:
    for path in ("t.py", "t.ts", "t.go", "t.rs", "T.java", "t.rb", "t.php"):
        assert seconds((unit * 30_000)[:30_000], path) < 200 * max(usual(path), 0.002)


def seconds(text: str, path: str) -> float:
    start = time.process_time()
    contents(path, text.encode())
    return time.process_time() - start


@functools.cache
def usual(path: str) -> float:
    return seconds("    some.ordinary(code, here)\n" * 1000, path)


def test_secrets_are_found_where_they_are_new() -> None:
    token = "ghp_" + "a1B2" * 9
    said = look(BASE, {"src/a.py": f"x = 1\nkey = '{token}'\n"})["secrets"]
    assert (said.findings[0].file, said.findings[0].line) == ("src/a.py", 2)
    assert token not in said.summary + said.evidence
    assert "secrets" in look(BASE, {"src/b.py": "p = 's3cr3t-v4lue'\n"})
    old: Files = {"src/a.py": f"key = '{token}'\n"}
    assert look(old, {"src/a.py": GONE, "src/b.py": f"key = '{token}'\n"}) == {}


def test_size() -> None:
    config = Config(inspect=InspectConfig(max_files=3, max_file_mb=0.001, max_binary_mb=0.0005))
    assert "4 files" in look(BASE, {f"f{n}": "x" for n in range(4)}, config)["size"].summary
    assert "size" in look(BASE, {"f": "x" * 1001}, config)
    assert "size" in look(BASE, {"f": b"\0" * 501}, config)
    assert look(BASE, {"f": "x" * 999, "g": b"\0" * 499}, config) == {}


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "..", ".git/config", "d/../../x", "up/x", "loop", "C:\\x", "~/x"])
def test_links_that_lead_out(target: str) -> None:
    base: Files = {"a/up": ("120000", "../.."), "up": ("120000", "a/up"), **BASE}
    assert "paths" in look(base, {"loop": ("120000", target)})


@pytest.mark.parametrize("target", ["src/a.py", "./src", "src/../tests", "missing"])
def test_links_within_the_tree(target: str) -> None:
    assert look(BASE, {"link": ("120000", target)}) == {}


@pytest.mark.parametrize(
    "path", ["SRC/b.py", "src/A.py", "nul.txt", "a/CON", "b:c", "dot.", "GIT~1/x", ".GIT/x", "a\u202eb", "x" * 300, "q?"]
)
def test_names_that_are_others_elsewhere(path: str) -> None:
    assert "paths" in look(BASE, {path: "x"})


def test_a_submodule_is_rejected_and_old_twins_are_not() -> None:
    assert "paths" in look(BASE, {"sub": ("160000", "0" * 40)})
    assert look({**BASE, "A": "1", "a": "2"}, {"src/a.py": "y"}) == {}


def test_each_can_be_turned_off() -> None:
    off = InspectConfig(off=["tests", "protected"])
    assert look(BASE, {"conftest.py": "x", "tests/test_a.py": GONE}, Config(inspect=off)) == {}


def test_the_tests_that_are_guarded() -> None:
    new: Files = {
        "tests/test_a.py": "x",
        "tests/test_new.py": "y",
        "src/a.py": "z",
        "conftest.py": "bent",
        "tests/conftest.py": "new",
    }
    base: Files = {**BASE, "conftest.py": "plain"}
    sight = Sight(base, {**base, **new})
    change = Change(task=Task(id="T-1", title="t", span=Span(1)), base="base", commit="new", files=sight.changed())
    assert guarded(change, sight) == {"tests/test_a.py": TEST.encode(), "conftest.py": b"plain"}
    named = Task(id="T-1", title="t", span=Span(1), touches=("tests/test_a.py", "conftest.py"))
    assert guarded(Change(task=named, base="base", commit="new", files=sight.changed()), sight) == {}
