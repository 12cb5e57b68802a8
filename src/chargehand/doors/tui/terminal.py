"""The terminal the board is in."""

from __future__ import annotations

import select


def hung_up() -> bool:
    """Whether it is gone. Not everybody gets a signal of it, and a board nobody sees must not go on for ever."""
    terminal = select.poll()
    terminal.register(0, 0)
    return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in terminal.poll(0))
