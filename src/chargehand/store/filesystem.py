"""Which file system a ledger would lie on. Write-ahead logging needs memory shared by all who open it, which no network has."""

from __future__ import annotations

from pathlib import Path

_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "fuse.rclone"}
)


def network_type(path: Path, mounts: str | None = None) -> str:
    """The type of the network file system ``path`` lies on; empty for a local one, or where that cannot be told.

    ``mounts`` is the text of ``/proc/self/mountinfo``, read when not given.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    place, found = path.absolute(), ("", "")
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        point = Path(_unescaped(fields.split(" ")[4])) if fields.count(" ") >= 4 else None
        if point is not None and (point == place or point in place.parents) and len(str(point)) >= len(found[0]):
            found = (str(point), rest.split(" ")[0])
    return found[1] if found[1] in _NETWORK else ""


def _unescaped(text: str) -> str:
    """Space, tab, line end and backslash stand as octal numbers."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
