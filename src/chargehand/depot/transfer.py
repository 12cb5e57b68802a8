"""Objects from one git directory to another, as a pack in our hands: no transport, no server program, no foreign config."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from chargehand.depot.git import Git

_MANY = 200
_LONG = 1800.0


def transfer(source: Git, target: Git, want: Iterable[str], have: Iterable[str], *, strict: bool = False) -> None:
    """Give ``target`` all that ``want`` reaches and ``have`` does not. ``source`` must know both, ``target`` the latter.

    ``strict`` checks what comes from an agent: every object is well formed, and nothing it points to is missing.
    """
    revisions = "".join(f"{commit}\n" for commit in want) + "".join(f"^{commit}\n" for commit in have)
    pack = source.run("pack-objects", "-q", "--revs", "--stdout", stdin=revisions.encode(), timeout=_LONG).stdout
    count = int.from_bytes(pack[8:12], "big")
    if not count:
        return
    check = ("--strict",) if strict else ()
    if count < _MANY:
        target.run("unpack-objects", "-q", *check, stdin=pack, timeout=_LONG)
    else:
        target.run("index-pack", "--stdin", *check, stdin=pack, timeout=_LONG)


def hand_over(source: Git, target: Git, want: str, have: str) -> None:
    """``transfer`` for the few loose objects of a landing: by hard link, which writes nothing twice. Otherwise as a pack."""
    args = ("rev-list", "--objects", "--no-object-names", "--end-of-options", want, f"^{have}")
    for oid in source.line(*args).split():
        name = Path("objects", oid[:2], oid[2:])
        path = target.git_dir / name
        try:
            path.parent.mkdir(exist_ok=True)
            path.hardlink_to(source.git_dir / name)
        except FileExistsError:
            continue
        except OSError:
            transfer(source, target, [want], [have])
            return


def share_shallow(source: Path, target: Path) -> None:
    """A shallow repository says where its history was cut off; whoever has its objects must know all the cuts."""
    cuts = [path.read_text(encoding="ascii") for path in (source / "shallow", target / "shallow") if path.is_file()]
    if cuts:
        fresh = target / "shallow.new"
        fresh.write_text("".join(f"{commit}\n" for commit in sorted(set("".join(cuts).split()))), encoding="ascii")
        fresh.replace(target / "shallow")
