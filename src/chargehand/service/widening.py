"""What a project's own settings may not do by themselves: allow more than the user's do.

The file comes with the repository, and may come from a stranger, or from an agent. It may ask for less; for more, the user says yes
in his own settings, by a flag or a variable, or by trusting exactly this content (`chargehand trust`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from chargehand.model.config import InspectConfig

_STRICTNESS = {"none": 0, "auto": 1, "bwrap": 2, "container": 2}
_ORDERED = {
    "review.policy": ("off", "advisory", "required"),
    "approval.tasks": ("none", "P0", "P1", "P2", "all"),
}
"""Settings by what they ask for, least first."""
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})

Values = Mapping[str, Any]


def widened(values: Values, below: Values) -> dict[str, Any]:
    """The settings of a project (checked values, as tables) that allow more than ``below``, the user's, by dotted key."""
    return dict(
        [
            *_general(values, below),
            *_judged(values, below),
            *(item for name, agent in _tables(values, "agents") for item in _agent(name, agent, below)),
            *(
                (f"{kind}.{name}.network", True)
                for kind in ("gates", "regenerate")
                for name, gate in _tables(values, kind)
                if gate.get("network") and not _table(below, kind, name).get("network")
            ),
        ]
    )


def fingerprint(found: Values) -> str:
    """The hash by which a user trusts these settings; empty when there are none."""
    text = json.dumps(found, sort_keys=True, ensure_ascii=True)
    return "settings-" + hashlib.sha256(text.encode()).hexdigest() if found else ""


def _general(values: Values, below: Values) -> Iterator[tuple[str, Any]]:
    cage = values.get("cage")
    if cage is not None and _STRICTNESS[cage] < _STRICTNESS[below.get("cage", "auto")]:
        yield "cage", cage
    if values.get("meter") is False and below.get("meter", True):
        yield "meter", False
    if values.get("integration") == "pr" and below.get("integration") != "pr":  # it leaves this machine, in the user's name
        yield "integration", "pr"
    if more := set(values.get("trust", ())) - set(below.get("trust", ())):
        yield "trust", sorted(more)
    for model, price in _tables(values, "prices"):
        if price != _table(below, "prices", model):
            yield f"prices.{model}", price
    caps = below.get("budget", {})
    for name, value in values.get("budget", {}).items():
        # What is set aside for a call is no cap: more of it is stricter.
        if not name.startswith("reserve_") and caps.get(name) is not None and (value is None or value > caps[name]):
            yield f"budget.{name}", value


def _judged(values: Values, below: Values) -> Iterator[tuple[str, Any]]:
    """How a change is looked at before it lands, and by whom."""
    for key, words in _ORDERED.items():
        table, _, name = key.partition(".")
        wanted, least = values.get(table, {}).get(name), below.get(table, {}).get(name, words[0])
        if wanted is not None and words.index(wanted) < words.index(least):
            yield key, wanted
    answer, asked = values.get("approval", {}).get("otherwise"), below.get("approval", {})
    if answer == "approve" and asked.get("tasks", "none") != "none" and asked.get("otherwise") != answer:
        yield "approval.otherwise", answer
    own = msgspec.to_builtins(InspectConfig()) | below.get("inspect", {})
    for name, value in values.get("inspect", {}).items():
        if name == "off":
            wider = bool(set(value) - set(own[name]))
        elif name == "protect":
            wider = value is not None and (own[name] is None or bool(set(own[name]) - set(value)))  # it replaces them
        else:
            wider = value > own[name]
        if wider:
            yield f"inspect.{name}", value


def _agent(name: str, agent: Values, user: Values) -> Iterator[tuple[str, Any]]:
    below = _table(user, "agents", name)
    # Where the user set a cap, what is not held against it is more.
    if agent.get("paid") is False and below.get("paid", True) and user.get("budget"):
        yield f"agents.{name}.paid", False
    if given := set(agent.get("env", ())) - set(below.get("env", ())):
        from chargehand.service.secrets import looks_secret

        if secret := sorted(filter(looks_secret, given)):
            yield f"agents.{name}.env", secret
    if more := set(agent.get("hosts", ())) - set(below.get("hosts", ())):
        yield f"agents.{name}.hosts", sorted(more)
    if agent.get("login") and not below.get("login"):
        yield f"agents.{name}.login", True
    url = agent.get("url", "")
    # The user's key goes there.
    if url and url != below.get("url") and _host(url) not in _HERE:
        yield f"agents.{name}.url", url


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _tables(values: Values, key: str) -> Iterator[tuple[str, Values]]:
    yield from values.get(key, {}).items()


def _table(values: Values, key: str, name: str) -> Values:
    found: Values = values.get(key, {}).get(name, {})
    return found
