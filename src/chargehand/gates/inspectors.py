"""From settings to inspectors."""

from __future__ import annotations

from chargehand.gates.inspect.files import ExpectedFiles
from chargehand.gates.inspect.judged import PREFIX
from chargehand.gates.inspect.paths import Paths
from chargehand.gates.inspect.protected import Protected
from chargehand.gates.inspect.scope import Scope
from chargehand.gates.inspect.secrets import Secrets
from chargehand.gates.inspect.size import Size
from chargehand.gates.inspect.tampering import Tampering
from chargehand.model.config import Config
from chargehand.model.redaction import Redactor
from chargehand.ports import Inspector


def make_inspectors(config: Config, redactor: Redactor | None = None) -> tuple[Inspector, ...]:
    """All that are not turned off, the cheapest first."""
    every: tuple[Inspector, ...] = (
        Size(config.inspect),
        Scope(),
        ExpectedFiles(),
        Protected(config),
        Paths(),
        Tampering(config),
        Secrets(redactor or Redactor()),
    )
    return tuple(one for one in every if one.name.removeprefix(PREFIX) not in config.inspect.off)
