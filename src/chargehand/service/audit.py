"""The audit log: every event of the ledger as JSON Lines, each line bound to all before it by a hash.

The first line is a header, the last one a seal. A line's ``hash`` is the SHA-256 of the line as it stands in the file, without
``,"hash":"..."``; it covers ``prev``, the hash of the line before. The chain depends on nothing but the ledger: the same events
give the same hashes on every machine, on every day, in every version.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from chargehand import __version__
from chargehand.model.errors import UsageProblem
from chargehand.model.redaction import Redactor
from chargehand.service.auditoutputs import Verified
from chargehand.service.project import Project
from chargehand.store import reader

SCHEMA_VERSION = 1
HEADER, SEAL, RESET = "audit.header", "audit.seal", "ledger.reset"
_HASH = len(',"hash":""}') + 64


class Sealed(NamedTuple):
    """An export: how many lines are between header and seal, and the seal's hash."""

    lines: int
    seal: str


class Link(NamedTuple):
    """A line of the chain: its fields without ``prev`` and ``hash``, and its hash."""

    number: int
    fields: dict[str, Any]
    hash: str


class Broken(Exception):
    """``line`` (from 1) is the first that is wrong."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line, self.problem = line, problem


def export(project: Project, run: str, out: BinaryIO) -> Sealed:
    """Write the audit log of all runs, or of one. Raises UsageProblem when there is nothing to write."""
    header, fields = _contents(project, run)
    out.write(_canonical(header) + b"\n")
    prev, count = str(header["chain"]), 0
    for item in fields:
        line, prev = _link(item, prev)
        out.write(line)
        count += 1
    line, prev = _link({"schema_version": SCHEMA_VERSION, "event": SEAL, "count": count}, prev)
    out.write(line)
    return Sealed(count, prev)


def verify(file: Path, project: Project | None = None) -> Verified:
    """Check the chain, and that the ledger of ``project`` (if it has one) begins with what it says.

    Raises UsageProblem when the file cannot be read or is no audit log.
    """
    header, links = read(file)
    hashes: list[str] = []
    told: Verified = {
        "schema_version": SCHEMA_VERSION, "ok": True, "path": str(file), "events": 0, "seal": None, "line": None, "problem": "",
        "ledger": "none", "more": 0,
    }  # fmt: skip
    try:
        for link in links:
            hashes.append(link.hash)
    except Broken as wrong:
        return {**told, "ok": False, "events": len(hashes), "line": wrong.line, "problem": wrong.problem}
    told = {**told, "events": len(hashes) - 1, "seal": hashes[-1]}
    return told if project is None else _compare(told, header, hashes[:-1], project)


def _compare(told: Verified, header: dict[str, Any], hashes: list[str], project: Project) -> Verified:
    """Against the ledger that is here: the same hashes up to the end of the export, or it says other things."""
    try:
        mine, fields = _contents(project, str(header["run"]))
    except UsageProblem:
        return told
    if mine["ledger"] != header["ledger"]:
        return {**told, "ledger": "other"}
    prev, place = str(mine["chain"]), 0
    for item in fields:
        _, prev = _link(item, prev)
        if place < len(hashes) and prev != hashes[place]:
            problem = "the ledger here says something else"
            return {**told, "ok": False, "ledger": "differs", "line": place + 2, "problem": problem}
        place += 1
    if place < len(hashes):
        problem = f"the ledger here ends before it: {len(hashes) - place} events are not in it"
        return {**told, "ok": False, "ledger": "shorter", "line": place + 2, "problem": problem}
    more = place - len(hashes)
    return {**told, "ledger": "longer" if more else "same", "more": more}


def read(file: Path) -> tuple[dict[str, Any], Iterator[Link]]:
    """The header of an audit log, and its links up to the seal, which raise Broken where the chain is.

    Raises UsageProblem when the file cannot be read or is no audit log.
    """
    try:
        source = file.open("rb")
    except OSError as error:
        raise UsageProblem(f"cannot read {file}: {error.strerror}", hint="name a file that `chargehand audit-log` wrote") from error
    try:
        header = _parse(source.readline())
    except (OSError, ValueError):
        header = {}
    if header.get("event") != HEADER or not isinstance(header.get("schema_version"), int):
        source.close()
        raise UsageProblem(f"{file} is not an audit log of chargehand", hint="chargehand audit-log --output FILE writes one")
    if header["schema_version"] > SCHEMA_VERSION:
        source.close()
        raise UsageProblem(f"{file} was written by a newer chargehand", hint="upgrade chargehand")
    return header, _links(source, header)


def _links(source: BinaryIO, header: dict[str, Any]) -> Iterator[Link]:
    with source:
        prev = _genesis(str(header.get("ledger")), str(header.get("run")))
        if header.get("chain") != prev:
            raise Broken(1, "the header does not begin this chain: it was changed")
        count = 0
        for number, line in enumerate(source, 2):
            fields, own = _opened(number, line)
            if fields.pop("prev", None) != prev:
                raise Broken(number, "it does not follow on the line before: lines were removed, added, moved or rewritten")
            if fields.get("event") == SEAL:
                if fields.get("count") != count or source.read(1):
                    raise Broken(number, "the seal is not at the end of what it seals")
                yield Link(number, fields, own)
                return
            yield Link(number, fields, own)
            prev, count = own, count + 1
        raise Broken(count + 2, "the seal is missing: the end was cut off")


def _opened(number: int, line: bytes) -> tuple[dict[str, Any], str]:
    """The fields of a line but its hash, which is right."""
    try:
        fields = _parse(line)
    except ValueError:
        raise Broken(number, "it is not JSON: it was cut off or damaged") from None
    own = str(fields.pop("hash", ""))
    text = line.removesuffix(b"\n")
    if text[-_HASH:] != f',"hash":"{own}"}}'.encode() or hashlib.sha256(text[:-_HASH] + b"}").hexdigest() != own:
        raise Broken(number, "its content is not what was hashed: it was changed")
    return fields, own


def _contents(project: Project, run: str) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    db = reader.open_reader(project.ledger)
    first = next(reader.journal(db), None) if db is not None else None
    if db is None or first is None:
        raise UsageProblem("nothing has run here yet", hint="start with: chargehand run --all")
    ledger = hashlib.sha256(_canonical({"at": moment(first[1]), "fact": json.loads(first[3])})).hexdigest()[:32]
    if run and next(reader.journal(db, run), None) is None:
        raise UsageProblem(f"there is no run {run}", hint="runs are named r1, r2 ...; without --run all of them are written")
    header = {
        "schema_version": SCHEMA_VERSION, "event": HEADER, "version": __version__, "ledger": ledger, "run": run,
        "chain": _genesis(ledger, run),
    }  # fmt: skip

    def fields() -> Iterator[dict[str, Any]]:
        with db:  # one moment for all that is read
            yield from _fields(reader.journal(db, run), reader.resets(db, run))
        db.close()

    return header, fields()


def _fields(rows: Iterator[tuple[Any, ...]], resets: dict[int, tuple[float, str]]) -> Iterator[dict[str, Any]]:
    """What lines say, without the chain. The operator is whoever started or continued the run last."""
    clean, operators = Redactor(), dict[str, str]()
    for seq, at, run, body in rows:
        fact = clean.facts(json.loads(body))
        if fact["event"] in {"run.started", "run.continued"}:
            operators[run] = fact.get("operator", "")
        head = {"schema_version": SCHEMA_VERSION, "seq": seq, "at": moment(at), "run": run, "operator": operators.get(run, "")}
        yield {**head, **fact}
        if seq in resets:
            yield {**head, "seq": None, "at": moment(resets[seq][0]), "run": resets[seq][1], "operator": "", "event": RESET}


def _link(fields: dict[str, Any], prev: str) -> tuple[bytes, str]:
    body = _canonical({**fields, "prev": prev})
    own = hashlib.sha256(body).hexdigest()
    return b'%s,"hash":"%s"}\n' % (body[:-1], own.encode()), own


def _genesis(ledger: str, run: str) -> str:
    return hashlib.sha256(_canonical({"ledger": ledger, "run": run})).hexdigest()


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _parse(line: bytes) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def moment(at: float) -> str:
    """Unix seconds as ISO 8601 in UTC, without losing a bit of them."""
    whole, fraction = f"{at:.9f}".split(".")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(whole))) + f".{fraction}Z"


def unix(moment: str) -> float:
    """The inverse of :func:`moment`. Raises ValueError for anything else."""
    whole, _, fraction = moment.removesuffix("Z").partition(".")
    return float(f"{calendar.timegm(time.strptime(whole, '%Y-%m-%dT%H:%M:%S'))}.{fraction or 0}")
