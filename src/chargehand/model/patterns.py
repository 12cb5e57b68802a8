"""Patterns that few runs need: compiled when they are first used, not when their module is imported.

Compiling all there are took a fifth of the time of a short run.
"""

from __future__ import annotations

import re
from typing import Any, cast


class Later:
    """Has all that the pattern has, once it is asked for."""

    def __init__(self, source: str, flags: re.RegexFlag) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, found)  # from here on it is as quick as the pattern itself
        return found


def later(source: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """What ``re.compile`` gives, a little later. (It is no ``re.Pattern`` to ``isinstance``, nor to the functions of ``re``.)"""
    return cast("re.Pattern[str]", Later(source, flags))
