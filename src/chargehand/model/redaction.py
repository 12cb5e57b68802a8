"""Taking secrets out of text: by their value, where it is known, and by the forms that keys of well-known services have.

What is found becomes ``[redacted]``. Every pattern begins with a literal (which the regex engine looks for at the speed of a
memory scan) and is possessive, so that no input makes it slow.
"""

from __future__ import annotations

import binascii
import functools
import json
import re
from collections.abc import Iterable, Iterator
from operator import is_
from typing import Any, Literal, NamedTuple, TypeVar, get_origin
from urllib.parse import quote, quote_plus

import msgspec

from chargehand.model.patterns import later

MARK = "[redacted]"
SHORTEST = 8
"""A value shorter than this is not looked for: it would be found in words."""

T = TypeVar("T")

NAMES = frozenset(
    {"run", "task", "attempt", "gate", "agent", "model", "commit", "proposal", "base", "old", "new", "digest", "spec_digest"}
    | {
        "needs",
        "parts",
        "target",
        "spec",
        "level",
        "cap",
        "how",
        "of",
        "id",
        "role",
        "answer",
        "answers",
        "resumes",
        "root",
        "start",
        "session",
    }
)
"""Fields by which facts refer to each other. They are no free text, and a ledger with other ids could not be folded again."""


class _Form(NamedTuple):
    """``marker`` is in every text that ``pattern`` matches. The group ``secret``, if there is one, is what goes."""

    marker: str
    pattern: re.Pattern[str]


def _form(marker: str, rest: str) -> _Form:
    """A token that begins with ``marker``, not in the middle of a word. An escape (``\\n``, a colour) is none."""
    literal = re.escape(marker)
    begins = rf"(?:(?<![A-Za-z0-9_]{literal})|(?<=\\[nrtbf]{literal})|(?<=[0-9;\[]m{literal}))"
    return _Form(marker, later(literal + begins + rest))


def _assigned(name: str, rest: str) -> _Form:
    """What is given to a header, a key or a variable of that name, in code, JSON or a shell."""
    return _Form(name, later(rf"{name}(?:\\?[\"'])?\s{{0,4}}[:=,]\s{{0,4}}(?:\\?[\"'])?{rest}"))


_WORD = "[A-Za-z0-9_-]"
_KEY_BODY = r"(?:[A-Za-z0-9+/=\s\\:,.]|-(?!----))"
_KEY_NAME = r"[A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----"
_LONG_WORD = r"(?=[A-Za-z0-9_-]{0,80}[0-9])(?=[A-Za-z0-9_-]{0,80}[A-Z])"

_FORMS = (
    *(_form(f"gh{kind}_", "[A-Za-z0-9]{36,}+") for kind in "pousr"),
    _form("github_pat_", "[A-Za-z0-9_]{36,}+"),
    _form("glpat-", f"{_WORD}{{20,}}+(?:\\.[0-9a-z.]{{2,}}+)?"),
    *(_form(f"gl{kind}-", f"{_LONG_WORD}{_WORD}{{20,}}+") for kind in ("dt", "rt", "cbt", "ptt", "ft", "soat", "imt", "agent")),
    _form("sk-", rf"(?:(?:ant|proj|svcacct|admin|or)-{_LONG_WORD}{_WORD}{{20,}}+|[A-Za-z0-9]{{32,}}+(?![A-Za-z0-9_-]))"),
    _form("sk-or-v1-", "[0-9a-f]{64}"),
    _form("AIza", f"{_WORD}{{35}}(?!{_WORD})"),
    _form("ya29.", f"{_WORD}{{20,}}+"),
    _form("GOCSPX-", f"{_WORD}{{28}}"),
    *(_form(kind, "[A-Z2-7]{16}(?![A-Za-z0-9])") for kind in ("AKIA", "ASIA", "ABIA", "ACCA")),
    *(_form(f"xox{kind}-", "(?=[A-Za-z-]{0,20}[0-9])[A-Za-z0-9-]{10,}+") for kind in "abceoprs"),
    _form("xapp-", "[0-9]-[A-Z0-9]{8,}+-[A-Za-z0-9-]{10,}+"),
    _form("hooks.slack.com/services/", "(?P<secret>T[A-Z0-9]{6,}+/B[A-Z0-9]{6,}+/[A-Za-z0-9]{16,}+)"),
    *(_form(f"{kind}_{mode}_", "[A-Za-z0-9]{16,}+") for kind in ("sk", "rk") for mode in ("live", "test")),
    _form("whsec_", "[A-Za-z0-9+/]{32,}+"),
    _form("npm_", "[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _form("pypi-AgE", f"{_WORD}{{50,}}+"),
    _form("hf_", "[A-Za-z0-9]{34}(?![A-Za-z0-9])"),
    _form("dckr_pat_", f"{_WORD}{{27,}}+"),
    _form("eyJ", rf"{_WORD}{{10,}}+\.eyJ{_WORD}{{10,}}+\.{_WORD}{{10,}}+"),
    _Form(
        "PRIVATE KEY",
        later(
            rf"-----BEGIN {_KEY_NAME}(?:{_KEY_BODY}{{40,32768}}+-----END {_KEY_NAME}"
            r"|(?:\s|\\+[rn])*+(?:[A-Za-z0-9+/=]{32,}+(?:\s|\\+[rn])*+)+[A-Za-z0-9+/=]*+)"
        ),
    ),
    *(
        _assigned(name, "(?i:bearer|basic|token)\\s{1,4}(?P<secret>[A-Za-z0-9._~+/-]{8,}+={0,2})")
        for name in ("uthorization", "UTHORIZATION")
    ),
    _Form("://", later(r"://(?P<secret>[^\s/:@\"'`<>{}$()\[\]\\|,]{0,128}+:[^\s/@\"'`<>{}$()\[\]\\|,]{1,256}+)@")),
    *(
        _assigned(name, "(?P<secret>[A-Za-z0-9/+]{40,}+={0,2})")
        for name in ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "SecretAccessKey", "aws_session_token", "AWS_SESSION_TOKEN")
    ),
)  # fmt: skip


_ANY = re.compile("|".join(re.escape(form.marker) for form in _FORMS))
_SHORT = 1000
"""One look for all markers together is quicker than one for each, where there is little to look through."""


class Redactor:
    """Knows the secret ``values`` of one run (those of at least ``SHORTEST`` characters), and always the known forms."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        found = {form for value in values if len(value) >= SHORTEST and value not in MARK for form in _written(value)}
        self._values = tuple(sorted(found, key=len, reverse=True))
        self.reach = max([1 << 16, *(2 * len(value) for value in self._values)])
        """No secret is longer (characters), but for JSON web tokens out of the ordinary."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where secrets are in ``text``, in order, none touching the next."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted(self._found(text)):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        for value in self._values:
            at = text.find(value)
            while at >= 0:
                yield at, at + len(value)
                at = text.find(value, at + len(value))
        if len(text) < _SHORT and not _ANY.search(text):
            return
        for marker, pattern in _FORMS:
            if marker in text:
                for match in pattern.finditer(text):
                    yield match.span("secret" if pattern.groupindex else 0)

    def text(self, text: str) -> str:
        """``text`` without its secrets."""
        if len(text) < _SHORT and not _ANY.search(text) and not any(map(text.__contains__, self._values)):
            return text
        spans = self.spans(text)
        return replaced(text, spans) if spans else text

    def data(self, data: bytes) -> bytes:
        """The same for bytes; what is not UTF-8 stays as it is."""
        text = data.decode("utf-8", "surrogateescape")
        spans = self.spans(text)
        return replaced(text, spans).encode("utf-8", "surrogateescape") if spans else data

    def facts(self, fact: T) -> T:
        """A fact (any msgspec Struct) without secrets, however deep; the same object when there are none."""
        return _walk(fact, self)  # type: ignore[no-any-return]


def replaced(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """``text`` with a mark in the place of each of ``spans``."""
    parts, last = [], 0
    for start, end in spans:
        parts += [text[last:start], MARK]
        last = end
    return "".join([*parts, text[last:]])


def _walk(value: Any, redactor: Redactor) -> Any:
    if not value:  # most fields of a fact are empty
        return value
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, msgspec.Struct):
        changed = {}
        for name in _free(type(value)):
            if (old := getattr(value, name)) and (new := _walk(old, redactor)) is not old:
                changed[name] = new
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, tuple | list):
        items = [_walk(item, redactor) for item in value]
        return value if all(map(is_, items, value)) else type(value)(items)
    if isinstance(value, dict):
        return {key: _walk(item, redactor) for key, item in value.items()}
    return value


@functools.cache
def _free(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields of a Struct that may hold free text: neither a name nor a word from a fixed list."""
    return tuple(
        field.name
        for field in msgspec.structs.fields(kind)
        if field.name not in NAMES and get_origin(field.type) is not Literal and field.type not in (int, float, bool)
    )


def _written(value: str) -> Iterator[str]:
    """Every way a value may have been written down."""
    yield value
    yield value.replace("/", "\\/")
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    for encoded in (quote(value, safe="", errors="surrogateescape"), quote_plus(value, errors="surrogateescape")):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield from _base64(value.encode("utf-8", "surrogateescape"))


def _base64(raw: bytes) -> Iterator[str]:
    """Alone, and as the middle of something longer: three ways, by how many bytes come before; without what these mix into."""
    whole = binascii.b2a_base64(raw, newline=False).decode()
    middles = [
        binascii.b2a_base64(bytes(before) + raw, newline=False).decode()[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        for before in range(3)
    ]
    for text in (whole, *middles):
        yield text
        yield text.replace("+", "-").replace("/", "_")
