"""Which values must never be written down: those of variables that agents and gates are given, and that are named as secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chargehand.model.config import Config
from chargehand.model.redaction import Redactor

_NAME = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|(?:^|[_-])(?:KEY|KEYS|PAT|AUTH|PW|PASS|COOKIE|DSN)(?:[_-]|\d*$)",
    re.IGNORECASE,
)
_PLACE = re.compile(r"(?:FILE|PATH|DIR|URL|URI|HOST|SOCK|ID)$|^GOOGLE_APPLICATION_CREDENTIALS$", re.IGNORECASE)
"""Such a variable says where a secret is, not what it is."""


def redactor(config: Config, ambient: Mapping[str, str]) -> Redactor:
    """What takes the secrets of a run with these settings, started in this environment, out of all that is recorded."""
    return Redactor(secret_values(config, ambient))


def secret_values(config: Config, ambient: Mapping[str, str]) -> list[str]:
    """The values of the variables that some agent or gate is given and whose name says that they are secret."""
    given = [*(agent.env for agent in config.agents.values()), *(gate.env for gate in config.gates.values())]
    return sorted({ambient[name] for names in given for name in names if looks_secret(name) and ambient.get(name)})


def looks_secret(name: str) -> bool:
    """``OPENAI_API_KEY`` and ``GH_TOKEN``, but neither ``KEYBOARD`` nor ``TOKEN_FILE``."""
    return bool(_NAME.search(name)) and not _PLACE.search(name)
