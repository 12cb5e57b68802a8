"""Git directories as files: making one, reading a ref of one that must not be trusted, removing a tree for good.

A git directory an agent had in its hands is only ever read here, as plain files; git itself is never started in it.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

from chargehand.model.errors import EnvironmentProblem

_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(rb"ref: (refs/[^\0-\x20\x7f~^:?*\[\\]+)")
_SMALL = 4096
_PACKED = 64 * 1024 * 1024


def write_git_dir(
    path: Path,
    *,
    bare: bool,
    algorithm: str,
    identity: tuple[str, str],
    head: str,
    refs: dict[str, str] | None = None,
    borrow: Path | None = None,
) -> None:
    """Make a git directory with no hooks, no remote and nothing in its config but what git must know.

    ``borrow`` is the object directory it may also read from.
    """
    (path / "objects" / "info").mkdir(parents=True)
    (path / "objects" / "pack").mkdir()
    (path / "refs" / "heads").mkdir(parents=True)
    (path / "info").mkdir()
    (path / "config").write_text(config(bare=bare, algorithm=algorithm, identity=identity), encoding="utf-8")
    (path / "HEAD").write_text(head + "\n", encoding="utf-8")
    for name, commit in (refs or {}).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(commit + "\n", encoding="utf-8")
    if borrow is not None:
        (path / "objects" / "info" / "alternates").write_bytes(os.fsencode(borrow) + b"\n")


def config(*, bare: bool, algorithm: str, identity: tuple[str, str]) -> str:
    """The config file of a git directory of ours."""
    other = algorithm != "sha1"
    lines = ["[core]", f"\trepositoryformatversion = {int(other)}", "\tfilemode = true", f"\tbare = {str(bare).lower()}"]
    if not bare:
        lines.append("\tlogallrefupdates = true")
    if other:
        lines += ["[extensions]", f"\tobjectformat = {algorithm}"]
    lines += ["[user]", *(f"\t{key} = {_quoted(value)}" for key, value in zip(("name", "email"), identity, strict=True))]
    lines += [
        "[commit]",
        "\tgpgsign = false",
        "[tag]",
        "\tgpgsign = false",
        "[gc]",
        "\tauto = 0",
        "[maintenance]",
        "\tauto = false",
    ]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    plain = "".join(char for char in value if char.isprintable())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def link_objects(source: Path, target: Path) -> None:
    """Give ``target`` every object of ``source`` by hard link (by copy where the disk differs), and those it borrows itself.

    The owner may repack meanwhile: what vanished under our hands was written elsewhere first, so another look finds it.
    """
    for _ in range(10):
        if _link_once(source, target, depth=5):
            return
    raise EnvironmentProblem(f"the objects in {source} keep changing", hint="wait until git gc has finished, then try again")


def _link_once(source: Path, target: Path, depth: int) -> bool:
    whole = True
    for folder in os.scandir(source):
        if not (len(folder.name) == 2 or folder.name == "pack") or not folder.is_dir(follow_symlinks=False):
            continue
        (target / folder.name).mkdir(exist_ok=True)
        # Packs before their indexes would be seen half; nobody reads the depot yet, so the order does not matter.
        with suppress(FileNotFoundError):
            for entry in os.scandir(folder.path):
                if not entry.name.startswith(("tmp_", ".")) and entry.is_file(follow_symlinks=False):
                    whole &= _link(Path(entry.path), target / folder.name / entry.name)
    alternates = source / "info" / "alternates"
    if depth and alternates.is_file():
        for line in alternates.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            other = source / line
            if line and not line.startswith(("#", '"')) and other.is_dir():
                whole &= _link_once(other, target, depth - 1)
    return whole


def _link(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return True
    except FileNotFoundError:
        return False
    except OSError:
        partial = target.with_name(f"tmp_{target.name}")
        try:
            shutil.copyfile(source, partial)
        except FileNotFoundError:
            return False
        partial.chmod(0o444)
        partial.replace(target)
    return True


def read_ref(git_dir: Path, name: str = "HEAD", common: Path | None = None) -> str | None:
    """The commit a ref names, read as files; None when there is none or anything about it is odd.

    ``common`` is where shared refs are kept when ``git_dir`` is that of a linked worktree.
    """
    shared = common or git_dir
    for _ in range(5):
        raw = read_plain((git_dir if name == "HEAD" else shared) / name, _SMALL)
        if raw is None:
            return None if name == "HEAD" else _packed(shared).get(name)
        raw = raw.strip()
        if _ID.fullmatch(raw):
            return raw.decode()
        match = _REF.fullmatch(raw)
        if match is None or b".." in match[1]:
            return None
        name = os.fsdecode(match[1])
    return None


def write_ref(git_dir: Path, name: str, commit: str) -> None:
    """Set a ref nobody else writes, durably; whatever it was before."""
    path = git_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(prefix="new-", suffix=".lock", dir=path.parent)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(commit + "\n")
        file.flush()
        os.fchmod(handle, 0o644)
        os.fsync(handle)
    Path(fresh).replace(path)


def borrows_only(git_dir: Path, lender: Path) -> bool:
    """Whether a git directory is still the one we made: its own, with objects of its own and of ``lender`` but of nobody else."""
    objects = git_dir / "objects"
    if any(path.is_symlink() or not path.is_dir() for path in (git_dir, objects, objects / "info")):
        return False
    borrowed = read_plain(objects / "info" / "alternates", _SMALL) or b""
    return borrowed.strip() == os.fsencode(lender) and not any(entry.is_symlink() for entry in os.scandir(objects))


def all_refs(git_dir: Path) -> dict[str, str]:
    """Every ref of a git directory and its commit, read as files."""
    found = _packed(git_dir)
    for folder, _, files in os.walk(git_dir / "refs"):
        for file in files:
            path = Path(folder, file)
            raw = read_plain(path, _SMALL)
            if raw is not None and _ID.fullmatch(raw.strip()):
                found[str(path.relative_to(git_dir))] = raw.strip().decode()
    return found


def _packed(git_dir: Path) -> dict[str, str]:
    raw = read_plain(git_dir / "packed-refs", _PACKED) or b""
    pairs = (line.split(b" ", 1) for line in raw.splitlines() if not line.startswith((b"#", b"^")) and b" " in line)
    return {os.fsdecode(name): oid.decode() for oid, name in pairs if _ID.fullmatch(oid)}


def read_plain(path: Path, limit: int) -> bytes | None:
    """The content of an ordinary file; None for anything else, so that neither a link nor a pipe can be put in its place."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return file.read(limit)


def remove(path: Path, trash: Path) -> None:
    """Remove a tree: out of sight at once, its space as soon as may be. What cannot be removed now is tried again by ``empty``."""
    if not os.path.lexists(path):
        return
    trash.mkdir(parents=True, exist_ok=True)
    grave = trash / uuid.uuid4().hex
    try:
        path.rename(grave)
    except PermissionError:
        path.chmod(0o700)
        path.rename(grave)
    _delete(grave)


def empty(trash: Path) -> None:
    """Remove what an earlier process could not."""
    if trash.is_dir():
        for grave in list(trash.iterdir()):
            _delete(grave)


def _delete(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        open_up(path)
        shutil.rmtree(path, ignore_errors=True)


def open_up(root: Path) -> None:
    """Make everything below readable and every directory enterable to us. Links are not followed."""
    with suppress(OSError):
        root.chmod(0o700)
    for folder, folders, files in os.walk(root):
        for names, bits in ((folders, 0o700), (files, 0o400)):
            for name in names:
                path = Path(folder, name)
                with suppress(OSError):
                    mode = path.lstat().st_mode
                    if (stat.S_ISDIR(mode) or stat.S_ISREG(mode)) and mode & bits != bits:
                        path.chmod(stat.S_IMODE(mode) | bits)
