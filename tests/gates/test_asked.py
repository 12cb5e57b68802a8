"""Which files a task's prose asks for: forms of sentences that stand in real specs."""

from __future__ import annotations

import pytest

from chargehand.gates.inspect.asked import asked
from chargehand.gates.inspect.globs import named
from chargehand.model.task import Span, Task
from chargehand.spec.paths import paths_in

ASKED = [
    "Create School API client in frontend/src/lib/api/schools.ts",
    "[P] [US1] Contract test for POST /users in tests/contract/test_users.py",
    "Implement GPU packing in `packages/animation/systems.ts` per `specs/002/plan.md`|packages/animation/systems.ts",
    "In `src/agents.py`, delete the table",
    "In src/main.rs, add a call after the engine is made",
    "Add it\n\n## Files to modify\n- scripts/core.py: discover",
    "Add it\n\nFiles: src/a.py, src/b.py|src/a.py, src/b.py",
    "Remove the hardcoded buttons from `src/sidebar.tsx`",
    "Something\n\n- Register `Provider` in `bootstrap/app.php`",
    "Create two\n\n- `src/one.py`: the first\n- `src/two.py`|src/one.py, src/two.py",
]
NOT_ASKED = [
    "Add indexes per `data-model.md`",
    "Run `quickstart.md` and mend what fails",
    "Context\n\n`frontend/mock.ts` mocks the endpoint",
    "Make it work like `src/other.py` does",
    "Fix the sum so that tests/test_calc.py passes",
    "Make tests/test_calc.py pass",
    "Add a field, but do not change `src/api.py`",
    "Speed it up without touching docs/format.md",
    "Wire it up\n\nThe router exists (src/router.js) and is not used",
    "T044 Validate docs/setup.md on a clean machine",
    "Implement the parser as described in docs/grammar.md",
    "Follow the pattern in `src/base.py`",
]


@pytest.mark.parametrize("line", ASKED)
def test_what_is_to_be_made_or_changed_is_asked_for(line: str) -> None:
    text, _, wanted = line.partition("|")
    task = of(text)
    assert asked(task) == tuple(wanted.split(", ") if wanted else task.files)
    assert all(named(task, path) for path in asked(task))


@pytest.mark.parametrize("text", NOT_ASKED)
def test_what_is_only_mentioned_is_not(text: str) -> None:
    assert paths_in(text)
    assert asked(of(text)) == ()


@pytest.mark.parametrize(
    "text", ["Make tests/test_calc.py pass", "Mend it, and leave `tests/test_calc.py` alone", "Run tests/test_calc.py"]
)
def test_a_test_that_must_pass_may_not_be_changed(text: str) -> None:
    assert not named(of(text), "tests/test_calc.py")


@pytest.mark.parametrize(
    "text",
    ["Rewrite `tests/test_calc.py`", "Actualizar tests/test_calc.py", "Remove test_a from test_calc.py", "`tests/test_calc.py`"],
)
def test_one_that_the_task_is_about_may(text: str) -> None:
    assert named(of(text), "tests/test_calc.py")


def test_a_list_of_its_own_asks_for_all_of_it() -> None:
    task = Task(id="A-1", title="Do it", span=Span(1), files=("src/a.py", "docs/*.md"))
    assert asked(task) == ("src/a.py",)


def of(text: str) -> Task:
    title, _, rest = text.partition("\n")
    return Task(id="A-1", title=title, description=rest.strip(), span=Span(1), files=paths_in(text))
