"""What kept an agent from working: from a provider's status, code and words to one of our classes, and when to try again."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from chargehand.model.patterns import later
from chargehand.model.work import AgentError, ErrorClass

MESSAGE_LIMIT = 1000
"""Characters kept of a message."""

_LAST = 20
"""So many lines of a log tell how it ended, when none of them says it."""

LONGEST_WAIT = 40 * 24 * 3600.0
"""A wait or reset further away than this (seconds) was misread."""


def _any(*words: str) -> re.Pattern[str]:
    return later("|".join(words), re.IGNORECASE)


_SURE: tuple[tuple[ErrorClass, re.Pattern[str]], ...] = (
    (
        "session_lost",
        _any(
            r"no (?:conversation|saved session) found with",
            r"no rollout found for|no session found matching|^(?:error: )?session not found",
            r"error resuming session|no previous sessions found|failed to (?:resume|load) session",
        ),
    ),
    ("budget", _any(r"chargehand[ -:]+budget", "budget_exhausted", "error_max_budget")),
    (
        "usage_window",
        _any(
            r"usage.?limit",
            r"(?:session|weekly|5-hour|five_hour|hourly|daily|opus|sonnet|your) limit (?:reached|\W*resets?)",
            r"hit your (?:\S+ )?limit",
            r"limit reached.{0,40}reset",
            r"quota will reset",
            r"exhausted your (?:daily|capacity)",
            r"PerDay",
        ),
    ),
    (
        "quota",
        _any(
            r"insufficient[_ ](?:quota|balance|credits|funds)",
            r"credit balance is too low",
            r"exceeded your current quota",
            r"billing|payment required|out of credits|requires more credits",
            r"usage_not_included|not included in your plan",
        ),
    ),
    (
        "context_overflow",
        _any(
            r"(?:prompt|input) (?:is|was) too long|prompt_too_long|request_too_large",
            r"context_?length|context.?window|maximum context|context.?overflow|exceeds? the .{0,30}context",
            r"ran out of room",
            r"input token count.{0,80}exceeds|too many (?:input )?tokens",
        ),
    ),
    (
        "auth",
        _any(
            r"(?:invalid|incorrect|missing|no|bad|expired) .{0,12}(?:api[ -_]?key|x-api-key|credentials|token)",
            r"api.?key.{0,20}(?:not valid|invalid)",
            r"authenticat|unauthori[sz]ed|invalid_grant|permission_error|forbidden|access denied",
            r"not logged in|please (?:run /|sign |log ?)in|run /login|set an auth method|no auth",
            r"token (?:has )?expired|token.{0,20}revoked|oauth_org_not_allowed|credential_error",
            r"account_on_hold|verification_required",
        ),
    ),
    (
        "model_not_found",
        _any(
            r"model[_ ]not[_ ]found|not_found_error",
            r"(?:no such|unknown|invalid|unsupported) model",
            r"model .{0,80}(?:not (?:exist|found|supported|available)|does not exist)|models/\S+ is not found",
            r"issue with the selected model",
        ),
    ),
)
"""Words that say it whatever the status is (but for 429 and 5xx, which are never about keys, models or length)."""

_STATUS: dict[int, ErrorClass] = {
    401: "auth",
    402: "quota",
    403: "auth",
    404: "model_not_found",
    407: "network",
    408: "network",
    413: "context_overflow",
    429: "rate_limit",
    503: "capacity",
    529: "capacity",
}

_LIKELY: tuple[tuple[ErrorClass, re.Pattern[str]], ...] = (
    ("rate_limit", _any(r"rate.?limit|too many requests|resource.?exhausted|throttl")),
    ("capacity", _any(r"overloaded|at capacity|high demand|\bunavailable\b|try again later")),
    ("server", _any(r"internal server error|server_error|\bapi_error\b|bad gateway|gateway timeout")),
    (
        "network",
        _any(
            r"ECONN\w+|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|EPIPE|ENETUNREACH|EHOSTUNREACH|getaddrinfo|dns error",
            r"fetch failed|connection (?:error|refused|reset|closed|lost)|socket hang ?up|premature close|incomplete chunked",
            r"connect(?:ion)? timed? ?out|request timed? ?out|network|unable to connect|failed to connect",
            r"stream (?:disconnected|closed|ended|error)|error sending request|no response",
            r"\[API Error: terminated\]|^(?:TypeError: )?terminated$",  # Node's word for a body that breaks off
        ),
    ),
    ("turn_limit", _any(r"max(?:imum)?.?(?:number of )?(?:session.?)?turns|turn.?limit|iteration.?limit")),
    ("permission", _any(r"permission|not trusted|untrusted|trust(?:ed)? (?:this )?(?:folder|director|workspace)|not allowed")),
)
"""Words that say it when the status does not."""

_IN_TEXT = re.compile(r"(?:\b(?:status(?: ?code)?|HTTP(?:/[\d.]+)?|error|code)\b[\s:=(\"']{0,4}|\(|^)([45]\d\d)\b", re.IGNORECASE)


def classify(text: str, status: int = 0, code: str = "") -> ErrorClass | None:
    """The class of an error by its HTTP status (0: unknown), the provider's code and its words. None: nothing known in it."""
    said = f"{code} {text}".strip()
    status = status or _status(said)
    busy = status == 429 or status >= 500
    for kind, words in _SURE:
        if words.search(said) and (not busy or kind in {"budget", "usage_window", "quota"}):
            return kind
    if status in _STATUS:
        return _STATUS[status]
    if status >= 500:
        return "server"
    return next((kind for kind, words in _LIKELY if words.search(said)), None)


def error(
    text: str,
    status: int = 0,
    code: str = "",
    *,
    otherwise: ErrorClass = "crash",
    retry_after_s: float = 0.0,
    reset_at: float = 0.0,
) -> AgentError:
    """What a program or provider said, classified; ``otherwise`` when nothing in it is known. Times in its text are read by
    `timed`, when the time it was said is known."""
    kind = classify(text, status, code) or otherwise
    if kind == "quota" and retry_after(text):  # the same words, but it passes by itself
        kind = "rate_limit"
    return AgentError(kind=kind, message=_clean(text), retry_after_s=_sane(retry_after_s), reset_at=max(0.0, reset_at))


_USAGE = _any(r"\b(?:unknown|unexpected|unrecognized|no such) (?:option|argument|flag|command)s?\b")
_HELP = re.compile(r"\s*(?:usage:|\[?--?\w)", re.IGNORECASE)
"""Lines of a program that tells how it is used. They name keys, permissions, limits and more, and say nothing of what happened."""


def from_log(text: str) -> AgentError:
    """The last line of a log that says something known; a crash with the end of it when none does. A program that was started
    wrongly says so, and then how it is used."""
    lines = [line for line in text.splitlines() if not _HELP.match(line)]
    for line in reversed(lines):
        if _USAGE.search(line):
            return AgentError(kind="crash", message=_clean(line))
    last = lines[-_LAST:][::-1]
    for line in (*(line for line in last if "error" in line.lower()), *last):
        if kind := classify(line):
            return AgentError(kind=kind, message=_clean(line))
    return AgentError(kind="crash", message=_clean("\n".join(text.splitlines()[-_LAST:])))


def _status(text: str) -> int:
    match = _IN_TEXT.search(text)
    return int(match[1]) if match else 0


def _clean(text: str) -> str:
    return " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text[: 4 * MESSAGE_LIMIT]).split())[:MESSAGE_LIMIT]


def _sane(seconds: float) -> float:
    return seconds if 0 < seconds <= LONGEST_WAIT else 0.0


# --- when to try again ----------------------------------------------------------------------------------------------------------

_EPOCH = re.compile(r"(?:reset\w*|limit reached|until|at)\W{1,12}(1[6-9]\d{8}|2\d{9})(?:000)?(?:\.\d+)?\b", re.IGNORECASE)
_ISO = re.compile(r"\b(20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)")
_UNIT = r"(?:milliseconds?|ms|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)"
_SPAN = re.compile(
    r"(?:retry[ -_]?(?:after|delay|in)|again in|reset\w* (?:in|after)|wait|after|in)\W{1,12}"
    rf"((?:\d+(?:\.\d+)?\s*{_UNIT}\b[\s,]*(?:and )?|\d+{_UNIT}(?=\d))+)",
    re.IGNORECASE,
)
_PART = re.compile(rf"(\d+(?:\.\d+)?)\s*({_UNIT})", re.IGNORECASE)
_PLAIN_SECONDS = re.compile(r"retry[-_ ]?after(?:_s|_seconds|-seconds)?\W{1,6}(\d+(?:\.\d+)?)(?![\d.]*\s*[a-z])", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?:reset\w*|again|until)\s*(?:at|on)?\s*(?:(?P<month>[A-Z][a-z]{2})[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s*(?:(?P<year>20\d\d),?\s*)?(?:at\s+)?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>[ap]\.?m)?\.?\s*(?:\((?P<zone>[A-Za-z_+\-/0-9]+)\)|(?P<utc>UTC|GMT|Z)\b)?",
    re.IGNORECASE,
)
_SECONDS = {"ms": 0.001, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def timed(said: AgentError, now: float) -> AgentError:
    """The same error with the times its words tell, if it had none. ``now``: when it was said, Unix seconds."""
    if said.retry_after_s or said.reset_at:
        return said
    return msgspec.structs.replace(said, retry_after_s=retry_after(said.message), reset_at=reset_at(said.message, now))


def retry_after(text: str) -> float:
    """The seconds a text asks to wait ("try again in 1h 5m", "retry-after: 30"), or 0."""
    if match := _PLAIN_SECONDS.search(text):
        return _sane(float(match[1]))
    match = _SPAN.search(text)
    return _sane(sum(float(amount) * _seconds(unit.lower()) for amount, unit in _PART.findall(match[1]))) if match else 0.0


def _seconds(unit: str) -> float:
    return _SECONDS["ms" if unit == "ms" or unit.startswith("mil") else unit[0]]


def reset_at(text: str, now: float) -> float:
    """The moment (Unix seconds) a text names ("resets 3pm (Europe/Berlin)", an epoch, an ISO time), or 0. A time of day without a
    zone is taken in this machine's."""
    moment = 0.0
    if match := _EPOCH.search(text):
        moment = float(match[1])
    elif match := _ISO.search(text):
        moment = _iso(match[1])
    elif match := _CLOCK.search(text):
        moment = _clock(match, now)
    return moment if now < moment <= now + LONGEST_WAIT else 0.0


def _iso(text: str) -> float:
    try:
        return datetime.fromisoformat(text.replace(" ", "T")).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _clock(match: re.Match[str], now: float) -> float:
    if not (match["half"] or match["minute"]):
        return 0.0  # a bare number is no time of day
    here = datetime.fromtimestamp(now, _zone(match))
    here = here if here.tzinfo else here.astimezone()
    hour = int(match["hour"])
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].lower().startswith("p") else 0)
    try:
        then = here.replace(hour=hour, minute=int(match["minute"] or 0), second=0, microsecond=0)
        if match["month"]:
            month = _MONTHS.index(match["month"].lower()) + 1
            then = then.replace(year=int(match["year"] or here.year), month=month, day=int(match["day"]))
            then = then if then > here or match["year"] else then.replace(year=then.year + 1)
        elif then <= here:
            then += timedelta(days=1)
    except ValueError:
        return 0.0
    return then.timestamp()


def _zone(match: re.Match[str]) -> tzinfo | None:
    name = "UTC" if match["utc"] else match["zone"]
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, KeyError):
        return None
