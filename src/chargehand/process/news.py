"""What a cage tells the shim of the program in it, on a pipe of its own: `inside.py` is the other end.

The exit code of a cage says less than that of its program (a death by signal is one code among others), and comes later.
"""

from __future__ import annotations

import os

_MOST = 4096


class News:
    """``running``: the program has begun. ``status``: its wait status, None until it has ended. ``error``: why it was not begun.

    ``pipe`` is to be read by us, ``end`` to be given to the cage. Raises OSError.
    """

    def __init__(self) -> None:
        self.pipe, self.end = os.pipe()
        os.set_blocking(self.pipe, False)
        self.running = False
        self.status: int | None = None
        self.error = ""
        self._text = b""

    def take(self) -> bool:
        """Hear what is new. False when nobody can tell anything any more."""
        try:
            data = os.read(self.pipe, _MOST)
        except BlockingIOError:
            return True
        *lines, self._text = (self._text + data).split(b"\n")
        for line in lines:
            word, _, rest = line.partition(b" ")
            if word == b"run":
                self.running = True
            elif word == b"end":
                self.status = int(rest)
            elif word == b"not":
                self.error = rest.decode(errors="replace")
        return bool(data)

    def close(self) -> None:
        os.close(self.pipe)
