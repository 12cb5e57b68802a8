"""``chargehand report``: which requirement was met by which task, attempt and commit, for people and programs."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

from tests.run.conftest import Place

from .conftest import valid


def rows(told: Any) -> dict[str | None, tuple[str, list[str]]]:
    """Requirement to its standing and its tasks."""
    return {
        row["requirement"]["id"] if row["requirement"] else None: (row["standing"], [task["id"] for task in row["tasks"]])
        for row in told["rows"]
    }


def test_before_a_run_everything_is_open(traced: Place) -> None:
    told = valid("report", traced.json("report"))
    assert rows(told) == {"REQ-001": ("open", ["TASK-001"]), "REQ-002": ("open", ["TASK-002"]), None: ("open", ["TASK-003"])}
    assert told["totals"] == {"requirements": 2, "covered": 2, "met": 0, "tasks": 3, "landed": 0}
    first = told["rows"][0]
    assert [design["id"] for design in first["designs"]] == ["DESIGN-001"], "traced to by way of the design"
    assert (first["tasks"][0]["attempt"], first["tasks"][0]["commit"], first["tasks"][0]["verdict"]) == (None, None, "none")


def test_after_a_run_from_requirement_to_verdict(traced: Place) -> None:
    text = traced.read("spec/tasks.md").replace("[REQ-002]", "[REQ-002], [NFR-001]")
    traced.write("spec/tasks.md", text + "\n**Traces to:** [NFR-001]\n")
    traced.write("spec/requirements.md", traced.read("spec/requirements.md") + "\n### NFR-001: Tidy\n")
    traced.config(
        '[retry]\nattempts = 2\n[gates.test]\ncommand = "test ! -e bad"',
        agent="case $CHARGEHAND_TASK_ID.$CHARGEHAND_ATTEMPT in TASK-001.2|TASK-003.*) f=$CHARGEHAND_TASK_ID;; *) f=bad;; esac; "
        "echo x > $f",
    )
    traced.run("run", "--all", code=1)
    told = valid("report", traced.json("report"))
    assert rows(told) == {
        "REQ-001": ("met", ["TASK-001"]), "REQ-002": ("open", ["TASK-002"]), "NFR-001": ("open", ["TASK-002", "TASK-003"]),
    }  # fmt: skip
    assert told["target"] == "main"
    money, printing = told["rows"][0]["tasks"][0], told["rows"][1]["tasks"][0]
    assert (money["state"], money["attempt"], money["attempts"]) == ("landed", 2, 2)
    assert (money["agent"], money["verdict"]) == ("fake", "pass")
    assert traced.git("log", "-1", "--format=%s", money["commit"]) == "TASK-001: Money"
    assert {"gate": "test", "verdict": "pass"} in money["verdicts"]
    assert (printing["state"], printing["commit"], printing["verdict"]) == ("failed", None, "fail")
    assert {"gate": "test", "verdict": "fail"} in printing["verdicts"]
    lines = traced.run("report").stdout.splitlines()
    commit = money["commit"][:10]
    assert re.fullmatch(rf"REQ-001\s+met\s+DESIGN-001\s+TASK-001\s+landed\s+2 fake\s+{commit}\s+pass\s+Money", lines[1])
    assert re.fullmatch(r"REQ-002\s+open\s+-\s+TASK-002\s+failed\s+2 fake\s+-\s+test: fail\s+Printing", lines[2])
    assert lines[-1] == "3 requirements: 3 covered, 1 met; 3 tasks, 2 landed"


def test_after_a_reset_nothing_is_known(traced: Place) -> None:
    traced.run("run", "--task", "TASK-001")
    assert traced.json("report")["rows"][0]["tasks"][0]["commit"]
    traced.run("reset", "--yes")
    task = traced.json("report")["rows"][0]["tasks"][0]
    assert (task["commit"], task["attempts"], task["status"]) == (None, 0, "done")


def test_what_is_asked_for_only(traced: Place) -> None:
    assert rows(traced.json("report", "--uncovered-only")) == {}
    assert list(rows(traced.json("report", "--milestone", "second"))) == ["REQ-002", None]
    assert rows(traced.json("report", "--status", "done")) == {}
    traced.write("spec/requirements.md", traced.read("spec/requirements.md") + "\n#### REQ-003: Forgotten\n")
    told = traced.json("report", "--uncovered-only")
    assert rows(told) == {"REQ-003": ("uncovered", [])}
    assert told["totals"]["requirements"] == 3, "the totals are of all"
    assert "REQ-003      uncovered" in traced.run("report", "--uncovered-only").stdout


def test_a_spec_without_requirements_has_one_row(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    told = place.json("report")
    assert rows(told) == {None: ("open", ["TASK-001", "TASK-002"])}
    assert place.run("report").stdout.endswith("no requirements beside the spec; 2 tasks, 0 landed\n")


EVIL = 'Evil <script>alert(1)</script> | `x` *y* "q" & \x1b[2J'


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_one_page_that_needs_nothing_and_obeys_no_title(traced: Place) -> None:
    traced.write("spec/tasks.md", traced.read("spec/tasks.md").replace("TASK-001: Money", f"TASK-001: {EVIL}"))
    traced.write("spec/requirements.md", traced.read("spec/requirements.md").replace("REQ-001: Money", f"REQ-001: {EVIL}"))
    traced.commit("evil")
    traced.run("run", "--task", "TASK-001")
    text = traced.run("report", "--format", "html").stdout
    page = Page(text)
    assert page.open == []
    known = {"html", "head", "meta", "title", "style", "body", "h1", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "b",
             "br", "small", "span"}  # fmt: skip
    assert {tag for tag, _ in page.tags} <= known
    assert {name for _, attributes in page.tags for name in attributes} <= {
        "lang",
        "charset",
        "class",
        "title",
        "rowspan",
        "colspan",
    }
    assert "http" not in text.replace(EVIL, "")
    assert "url(" not in text
    assert page.text.count('Evil <script>alert(1)</script> | `x` *y* "q" & ␛[2J') == 2
    (commit,) = [attributes["title"] for tag, attributes in page.tags if tag == "code" and "title" in attributes]
    assert commit == traced.git("log", "-1", "--format=%H", "--grep", "Chargehand-Task: TASK-001", "main")


def test_markdown_is_a_table_whatever_the_titles_are(traced: Place) -> None:
    traced.write("spec/tasks.md", traced.read("spec/tasks.md").replace("TASK-001: Money", f"TASK-001: {EVIL}"))
    lines = traced.run("report", "--format", "markdown").stdout.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 3
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {10}
    assert 'Evil &lt;script&gt;alert(1)&lt;/script&gt; \\| \\`x\\` \\*y\\* "q" &amp; ␛\\[2J' in table[2]


def test_output_goes_to_a_file_in_one_step(traced: Place) -> None:
    done = traced.run("report", "--format", "html", "--output", "matrix.html")
    assert done.stdout == ""
    assert done.stderr == "matrix.html: 2 requirements: 2 covered, 0 met; 3 tasks, 0 landed\n"
    assert traced.read("matrix.html") == traced.run("report", "--format", "html").stdout
    traced.run("report", "--json", "-o", "matrix.json")
    valid("report", json.loads(traced.read("matrix.json")))
    assert "cannot write no/such.html" in traced.run("report", "-o", "no/such.html", code=5).stderr
