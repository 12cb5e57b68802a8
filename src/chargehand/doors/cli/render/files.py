"""Writing what a command says to a file: the whole of it, or nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from chargehand.model.errors import EnvironmentProblem


def write_whole(path: Path, text: str) -> None:
    """Put ``text`` in the place of the file. Raises EnvironmentProblem when that cannot be."""
    name = ""
    try:
        mask = os.umask(0)
        os.umask(mask)
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=".chargehand-")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as out:
            os.fchmod(handle, 0o666 & ~mask)
            out.write(text)
        Path(name).replace(path)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise EnvironmentProblem(message, hint="name a file in a folder you may write to") from error
    finally:
        if name:
            Path(name).unlink(missing_ok=True)
