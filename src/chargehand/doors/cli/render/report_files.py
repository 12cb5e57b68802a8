"""The end of a run as files for others: a Markdown summary, and JUnit XML with a case for each task."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from chargehand import __version__
from chargehand.doors.cli.render.text import console_safe, duration, money, plural, tokens
from chargehand.model.patterns import later
from chargehand.model.words import spoken

if TYPE_CHECKING:
    from chargehand.service.results import Outcome, Outcomes

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!~])")
_NOT_XML = later("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def markdown(seen: Outcomes) -> str:
    """A summary people can read on a pull request: the run, then a line for each task."""
    run, sums = seen.run, seen.totals
    states = ", ".join(f"{number} {spoken(state)}" for state, number in sums["by_state"].items())
    paid = f"{money(sums['cost_usd'])}, {tokens(sums['input_tokens'])} tokens in, {tokens(sums['output_tokens'])} out"
    lines = [
        "# Run summary",
        "",
        f"- Run ID: {run['id']}",
        f"- Spec: {_plain(run['spec'])}" + (f", onto {_plain(run['target'])}" if run["target"] else ""),
        f"- Started: {run['started_at']}",
        f"- Finished: {run['ended_at'] or 'not yet'}",
        f"- chargehand version: {__version__}",
        f"- Result: {spoken(run['state'])}, {_plain(run['reason'])}",
        f"- {plural(sums['tasks'], 'task')}: {states}; {plural(sums['attempts'], 'attempt')}, {duration(sums['working_s'])} of "
        f"agents' time, {paid}",
        "",
        *(_line(one) for one in seen.tasks),
    ]
    return "\n".join(lines) + "\n"


def _line(one: Outcome) -> str:
    task = one.task
    head = f"- {_plain(task['id'])} ({_plain(task['title'])}): "
    reason = f" ({_plain(task['reason'])})" if task["reason"] else ""
    match task["state"]:
        case "landed":
            commit = f", {task['commit'][:10]}" if task["commit"] else ""
            again = f", attempt {task['attempts']}" if task["attempts"] > 1 else ""
            return f"{head}OK{commit}{again}"
        case "failed":
            return f"{head}FAIL{reason}"
        case "needs_human":
            return f"{head}NEEDS YOU{reason}"
        case "waiting":
            return f"{head}BLOCKED (deps: {', '.join(_plain(need) for need in task['needs'])})"
        case state:
            return f"{head}{spoken(state).upper()}{reason}"


def _plain(text: str) -> str:
    """Somebody else's text: it can neither mark anything up nor begin a line of its own."""
    return _MARKUP.sub(r"\\\1", console_safe(" ".join(text.split())))


def junit(seen: Outcomes) -> bytes:
    """JUnit XML: one suite, a case for each task. What waits or needs a person is no failure of the work: skipped, and error."""
    tasks = [one.task for one in seen.tasks]
    count = {state: sum(task["state"] == state for task in tasks) for state in ("failed", "needs_human", "landed")}
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(seen.run["spec"]),
        tests=str(len(tasks)),
        failures=str(count["failed"]),
        errors=str(count["needs_human"]),
        skipped=str(len(tasks) - sum(count.values())),
        time=f"{seen.totals['working_s']:.3f}",
        timestamp=(seen.run["started_at"] or "")[:19],
    )
    for one in seen.tasks:
        _case(suite, seen.run["spec"], one)
    whole = ElementTree.Element("testsuites", name=f"chargehand {seen.run['id']}")
    whole.append(suite)
    ElementTree.indent(whole)
    text: bytes = ElementTree.tostring(whole, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _case(suite: ElementTree.Element, spec: str, one: Outcome) -> None:
    task = one.task
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_xml(task["milestone"] or spec),
        name=_xml(f"{task['id']}: {task['title']}"),
        time=f"{task['duration_s']:.3f}",
    )
    if task["state"] == "landed":
        return
    kind = {"failed": "failure", "needs_human": "error"}.get(task["state"], "skipped")
    said = ElementTree.SubElement(case, kind, message=_xml(task["reason"] or spoken(task["state"])))
    if kind != "skipped":
        told = [f"{each.gate}: {each.verdict}, {each.summary}\n{each.evidence}" for each in one.said if each.verdict != "pass"]
        said.text = _xml("\n".join(told))


def _xml(text: str) -> str:
    """Without the characters XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
