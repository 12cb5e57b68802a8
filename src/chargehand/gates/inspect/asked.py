"""Which of the files that a task's text names it asks to be made or changed. Prose names many that are only to be read or run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chargehand.model.patterns import later
from chargehand.model.task import Task

_MAKE = later(
    r"\b(?:add|adapt|adjust|amend|append|author|build|bump|chang|clean|configur|convert|correct|creat|declar|defin|delet|develop|document"
    r"|draft|drop|edit|enhanc|expand|expos|extend|extract|fill|fix|generat|implement|improv|includ|initiali[sz]|insert|integrat|introduc"
    r"|mak|mend|migrat|modif|mov|patch|port|produc|put|refactor|refin|regenerat|register|remov|renam|reorgani[sz]|replac|rework|rewrit|sav"
    r"|scaffold|set|simplif|split|stor|updat|wir|writ)(?:e|es|ing|y|ies|s|ing up|ting| up)?\b|\bfiles?\b[^:\n]{0,30}:",
    re.IGNORECASE,
)
_READ_FIRST = later(
    r"^[^\w\n]*(?:\[\w[\w -]*\][ \t]*|[a-z]{1,4}\d{1,6}[ \t]+|\d[\d.]*[ \t]+){0,5}"
    r"(?:run|verify|check|review|read|validate|confirm|see|ensure|inspect|study|follow|note)\b",
    re.IGNORECASE,
)
_READ_HERE = later(
    r"\b(?:from|per|see|cf\.?|like|us(?:e|es|ing)|via|with|by|against|follow(?:s|ing)?|than|run(?:s|ning)?|imports?|reads?|load(?:s|ed|ing)?"
    r"|refer(?:s|ring)? to|as|of|match(?:es|ing)?|mirror(?:s|ing)?|based on|according to|e\.g\.,?|calls?|verify|validate"
    r"|consult|since|because"
    r"|(?:defined|described|documented|specified|listed|found|exist(?:s|ing)?|outlined|shown|given|declared|provided|used|pattern)"
    r" (?:in|by|at|from))"
    r"[\s`\"'(*_]*(?:(?:the|an?|existing|current|files?|scripts?|schema|our|its|design|doc|docs)[\s`\"'(*_]+)*$",
    re.IGNORECASE,
)
_TAKES = later(r"\b(?:remov|delet|drop|strip|extract|mov)\w*\b[^\n]*\b(?:from|out of)[\s`\"'(*_]*(?:the[\s`]+)?$", re.IGNORECASE)
_NOT = later(r"\b(?:not|never|without|leave|keep|cannot|avoid)\b|n['’]t\b", re.IGNORECASE)
_STANDS = later(
    r"^[`\"')*_]*,?\s+(?:(?:still|must|should|to|all|now|again|is|are|tests?|suite|unchanged|as it (?:is|was))\s+)*"
    r"(?:pass(?:es|ing)?|stays?|green|succeeds?|runs?|works?|unchanged)\b",
    re.IGNORECASE,
)
_PLACE = later(r"\b(?:in|at|to|into|under|for|→|:)[\s`\"'(*_]*$", re.IGNORECASE)
_END = later(r"[.;!?]\s|\n|\s[—–]\s")
_FAR = 300


def asked(task: Task) -> tuple[str, ...]:
    """The paths among a task's files that are to be made or changed: those its text does not mention at all (they stand in a list
    of their own), and those it asks for."""
    said = told(task)
    found = []
    for path in task.files:
        bare = path.removeprefix("./").rstrip("/")
        if any(sign in path for sign in "*?[{"):
            continue
        mentions = list(_mentions(said, bare))
        if not mentions or any(_asks(said, start, end) for start, end in mentions):
            found.append(bare)
    return tuple(found)


def lets(task: Task, path: str) -> bool:
    """Whether a task's text names this file, by its path or its last part, and not only to have it read, run, pass or left alone.
    Written in any language: what is not refused is let."""
    said = told(task)
    return any(not _only_read(said, start, end) for start, end in _mentions(said, path.rpartition("/")[2]))


def told(task: Task) -> str:
    return "\n".join([task.title, task.description, *(item.text for item in task.checklist)])


def _mentions(text: str, name: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text):
        yield match.span()


def _lead(text: str, start: int) -> str:
    """What stands in the same clause before a file's name, and before its folders."""
    clause = _END.split(text[max(0, start - _FAR) : start])[-1]
    folders = re.search(r"[\w./-]*$", clause)
    return clause[: folders.start()] if folders else clause


def _only_read(text: str, start: int, end: int) -> bool:
    lead = _lead(text, start)
    if _TAKES.search(lead):
        return False
    return bool(_NOT.search(lead) or _READ_FIRST.match(lead) or _READ_HERE.search(lead) or _STANDS.match(text[end : end + _FAR]))


def _asks(text: str, start: int, end: int) -> bool:
    if _only_read(text, start, end):
        return False
    lead = _lead(text, start)
    if _MAKE.search(lead) or (
        _PLACE.search(lead) and ("\n" not in text[:start] or lead.strip(" \t`*-[]x_").lower() in {"in", "at"})
    ):
        return True
    alone = not lead.strip(" \t`*-[]x_0123456789.()")
    return alone and re.match(r"[`\"'*_)]*[ \t]*(?:$|[:(,]|[-–—] )", text[end : end + _FAR], re.MULTILINE) is not None
