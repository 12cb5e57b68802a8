"""One task in full, as lines: what it is told, what it tried, what was said of it. Only :func:`brief` reads files."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chargehand.doors.tui.cards import COLUMNS, WHERE, failure, stage
from chargehand.doors.tui.lines import Row, row
from chargehand.doors.tui.words import amount, paid, short
from chargehand.model.words import spoken
from chargehand.service.boardcards import Card
from chargehand.service.boardview import Feed

_VERDICT = {"pass": "ok", "fail": "bad", "error": "bad", "skip": "warn"}
_DIFF = (("diff ", "bold"), ("+++", "bold"), ("---", "bold"), ("@@", "hunk"), ("+", "add"), ("-", "remove"))
_LONG = 2_000_000


def summary(card: Card, feed: Feed) -> list[Row]:
    """How the task stands and why, what it needs and what waits for it."""
    role = COLUMNS[WHERE[card.state]].role
    lines = [Row((("state      ", "dim"), (spoken(card.state), role), (f"  {card.reason}" if card.reason else "", "")))]
    if card.state in {"failed", "cancelled"}:
        lines.append(Row((("ended      ", "dim"), (failure(card), "bad"))))
    if card.work:
        passed, total, word = stage(card.work, feed.gates())
        lines.append(
            Row((("stage      ", "dim"), (f"{word}, {passed} of {total} passed", "work"), (f"  by {card.work.agent}", "dim")))
        )
    for label, names in (("waits for", card.blockers), ("needs", card.needs), ("needed by", feed.followers.get(card.id, ()))):
        if names:
            lines.append(Row(((f"{label:<11}", "dim"), (", ".join(_stands(name, feed) for name in names[:40]), ""))))
    if card.milestone:
        lines.append(Row((("milestone  ", "dim"), (card.milestone, ""))))
    if card.tags:
        lines.append(Row((("tags       ", "dim"), (", ".join(card.tags), ""))))
    if card.hours:
        lines.append(Row((("estimate   ", "dim"), (f"{card.hours:g} h", ""))))
    if card.commit:
        lines.append(Row((("commit     ", "dim"), (card.commit, ""))))
    told = (
        f"{paid(card.cost_usd)}, {amount(card.input_tokens)} in, {amount(card.output_tokens)} out, {short(card.duration_s)} of work"
    )
    return [*lines, Row((("paid       ", "dim"), (told, "")))]


def _stands(task: str, feed: Feed) -> str:
    card = feed.cards.get(task)
    return f"{task} ({spoken(card.state)})" if card else task


def attempts(card: Card, feed: Feed, tried: Sequence[Mapping[str, Any]], now: float) -> list[Row]:
    """The summary, and each attempt with its outcome."""
    lines = [*summary(card, feed), row()]
    if not tried:
        return [*lines, row("not tried yet", "dim")]
    for one in tried:
        ended = one["ended_at"]
        role = "ok" if one["outcome"] == "landed" else "work" if ended is None else "bad"
        when = time.strftime("%H:%M:%S", time.localtime(one["started_at"]))
        who = one["agent"] + (f" {one['model']}" if one["model"] else "")
        what = spoken(one["outcome"] or one["state"])
        spent = short((now if ended is None else ended) - one["started_at"])
        lines.append(
            Row(
                (
                    (f"attempt {one['number']}  ", "bold"),
                    (what, role),
                    (f"  {when}  {spent}  {who}  {paid(one['cost_usd'])}", "dim"),
                )
            )
        )
        if one["reason"] and one["outcome"] != "landed":
            lines.append(row(f"    {one['reason']}"))
        if one["commit_id"]:
            lines.append(row(f"    commit {one['commit_id']}", "dim"))
    return lines


def verdicts(said: Sequence[Mapping[str, Any]], root: Path) -> list[Row]:
    """What every gate said, with what it rests on."""
    lines: list[Row] = []
    for one in said:
        number = one["attempt"].rpartition(".")[2]
        word = (f"{one['verdict']:<6}", _VERDICT.get(one["verdict"], ""))
        where = f"  attempt {number}, {one['commit'][:10]}, {short(one['duration_s'])}"
        lines.append(Row((word, (f"{one['gate']}  ", "bold"), (one["summary"], ""), (where, "dim"))))
        lines += [row(f"    {line}", "" if one["verdict"] != "pass" else "dim") for line in one["evidence"].splitlines()]
        for finding in json.loads(one["findings"] or "[]"):
            place = f"{finding['file']}:{finding['line']}" if finding.get("line") else finding["file"]
            lines.append(Row(((f"    {finding['severity']}  ", "warn"), (place, "bold"), (f"  {finding.get('evidence', '')}", ""))))
            if finding.get("fix"):
                lines.append(row(f"        {finding['fix']}", "dim"))
        if one["log"]:
            lines.append(row(f"    log: {one['log'].removeprefix(f'{root}/')}", "dim"))
    return lines or [row("no gate has said anything yet", "dim")]


def diff(text: str | None) -> list[Row]:
    """A unified diff in colour."""
    if text is None:
        return [row("nothing was taken of it yet, or it is no longer kept", "dim")]
    lines = [row(line, _diff_role(line)) for line in text[:_LONG].splitlines()]
    if len(text) > _LONG:
        lines.append(row(f"... {len(text) - _LONG:,} more characters: chargehand diff", "warn"))
    return lines or [row("it changed nothing", "dim")]


def _diff_role(line: str) -> str:
    return next((role for start, role in _DIFF if line.startswith(start)), "")


def cost(card: Card, tried: Sequence[Mapping[str, Any]]) -> list[Row]:
    lines = [Row(((f"{'ATTEMPT':<9}{'COST':>10}{'IN':>9}{'OUT':>9}  AGENT", "head"),))]
    for one in tried:
        who = one["agent"] + (f" {one['model']}" if one["model"] else "")
        tokens = f"{amount(one['input_tokens']):>9}{amount(one['output_tokens']):>9}"
        lines.append(Row(((f"{one['number']:<9}", "bold"), (f"{paid(one['cost_usd']):>10}{tokens}  {who}", ""))))
    whole = f"{paid(card.cost_usd):>10}{amount(card.input_tokens):>9}{amount(card.output_tokens):>9}"
    return [*lines, Row(((f"{'all':<9}", "bold"), (whole, "bold")))]


def brief(prompt: Path, feed: Feed, card: Card) -> list[Row]:
    """What the agent was told; before that, what the spec says."""
    from chargehand.model.errors import ChargehandError
    from chargehand.service import specs

    try:
        return [row(line, "head" if line.startswith("#") else "") for line in prompt.read_text(errors="replace").splitlines()]
    except OSError:
        pass
    try:
        task = specs.read(feed.project, feed.run["spec"]).task(card.id) if feed.run else None
    except ChargehandError as error:
        return [row(error.message, "warn")]
    if task is None:
        return [row("the spec does not name it any more", "dim")]
    lines = [row(f"not told to an agent yet; {feed.run['spec'] if feed.run else ''} says:", "dim"), row()]
    lines += [row(line) for line in task.description.splitlines()]
    return lines + [row()] + [row(f"[{'x' if item.done else ' '}] {item.text}") for item in task.checklist]


def said(line: str) -> Row:
    """A line of a transcript. Of an agent that speaks JSON, what a person would want to read of it."""
    if not line.startswith("{"):
        return row(line)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return row(line)
    kind = str(value.get("type") or value.get("event") or value.get("kind") or "")
    text = " ".join(_texts(value, 0))
    return Row(((f"{kind}  " if kind else "", "dim"), (text or line, "" if text else "dim")))


_TELLING = (
    "text",
    "message",
    "content",
    "result",
    "output",
    "command",
    "input",
    "name",
    "path",
    "file_path",
    "part",
    "item",
    "delta",
    "error",
)


def _texts(value: Any, depth: int) -> list[str]:
    if isinstance(value, str):
        return [" ".join(value.split())] if value.strip() else []
    if depth > 6:
        return []
    if isinstance(value, list):
        return [text for part in value for text in _texts(part, depth + 1)]
    if isinstance(value, dict):
        return [text for key in _TELLING if key in value for text in _texts(value[key], depth + 1)]
    return []


class Tail:
    """A file that somebody writes: what came to it since it was last asked, as whole lines made harmless."""

    def __init__(self, path: Path, most: int = 256 * 1024) -> None:
        self.path, self._most = path, most
        self._at = -1
        self._rest = b""

    def more(self, *, ended: bool = False) -> list[str]:
        """``ended``: nothing comes any more, so that what is left is a line too."""
        from chargehand.process.transcript import clean

        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                if self._at < 0 or size < self._at or size - self._at > self._most:
                    self._at, self._rest = max(0, size - self._most), b""
                file.seek(self._at)
                data = file.read(self._most)
                self._at = file.tell()
        except OSError:
            return []
        whole, cut, rest = (self._rest + data).rpartition(b"\n")
        self._rest = b"" if ended else rest[-self._most :]
        return clean((whole + cut + (rest if ended else b"")).decode("utf-8", "replace")).splitlines()
