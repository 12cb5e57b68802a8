"""Trees and commits written straight into the depot, without a checkout, an index or a process for each.

A loose object is a header, its content and zlib; measured against ``git fast-import`` and ``git commit-tree`` this saves two to
four processes a commit, at any size of the repository.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from chargehand.depot.git import Git
from chargehand.model.errors import ChargehandError, EnvironmentProblem

_TREE = b"40000"
_FILE_MODES = (b"100644", b"100755")

Entries = dict[bytes, tuple[bytes, bytes]]
"""A directory of a tree: name to mode and raw object id."""


class Commit(msgspec.Struct, frozen=True):
    """What of a commit is kept when it is put on another parent. ``author`` is git's line: name, address, time, zone."""

    parents: tuple[str, ...]
    author: bytes
    message: bytes


class Objects:
    """The objects of one git directory of ours. ``identity`` is name and address of whom commits are made for."""

    def __init__(self, git: Git, algorithm: str, identity: tuple[str, str], clock: Callable[[], float] = time.time) -> None:
        self.git = git
        self.algorithm = algorithm
        self._directory = git.git_dir / "objects"
        self._identity = identity
        self._clock = clock

    def read(self, *specs: bytes) -> list[tuple[str, bytes, bytes] | None]:
        """Id, kind and content of each of ``specs`` (``commit:path``, ``commit^{tree}`` ...); None where there is nothing."""
        out = self.git.run("cat-file", "--batch", "-z", stdin=b"".join(spec + b"\0" for spec in specs), timeout=300.0).stdout
        found: list[tuple[str, bytes, bytes] | None] = []
        at = 0
        for spec in specs:
            missing = spec + b" missing\n"
            if out.startswith(missing, at):
                at += len(missing)
                found.append(None)
                continue
            end = out.index(b"\n", at)
            oid, kind, size = out[at:end].split(b" ")
            at = end + 1 + int(size)
            found.append((oid.decode(), kind, out[end + 1 : at]))
            at += 1
        return found

    def commit(self, commit: str) -> Commit:
        """The parts of a commit."""
        (found,) = self.read(commit.encode() + b"^{commit}")
        if found is None:
            raise EnvironmentProblem(f"the depot has no commit {commit}", code="git")
        head, _, message = found[2].partition(b"\n\n")
        parents = tuple(line[7:].decode() for line in head.split(b"\n") if line.startswith(b"parent "))
        author = next(line[7:] for line in head.split(b"\n") if line.startswith(b"author "))
        return Commit(parents, author, message)

    def write(self, kind: bytes, content: bytes) -> str:
        """Store an object durably; returns its id."""
        data = b"%s %d\0%s" % (kind, len(content), content)
        oid = hashlib.new(self.algorithm, data, usedforsecurity=False).hexdigest()
        path = self._directory / oid[:2] / oid[2:]
        if path.exists():
            return oid
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="tmp_obj_", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(zlib.compress(data, 1))
            file.flush()
            os.fchmod(handle, 0o444)
            os.fsync(handle)
        Path(name).replace(path)
        return oid

    def write_commit(self, tree: str, parents: Sequence[str], message: bytes, author: bytes = b"") -> str:
        """A commit by the user, now; ``author`` where it is somebody else's work or time."""
        me = self._signature()
        lines = [f"tree {tree}".encode(), *(f"parent {parent}".encode() for parent in parents)]
        lines += [b"author " + (author or me), b"committer " + me]
        body = message.replace(b"\0", b"").strip(b"\n")
        return self.write(b"commit", b"\n".join(lines) + b"\n\n" + body + b"\n")

    def anchor(self, tree: str, parents: Sequence[str] = ()) -> str:
        """A commit that only serves to give a tree a place in a history; the same for the same arguments."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"{role} chargehand <> 0 +0000" for role in ("author", "committer")]
        return self.write(b"commit", "\n".join(lines).encode() + b"\n\n\n")

    def tree(self, treeish: str, replace: Mapping[str, bytes]) -> str:
        """The id of a tree with the content of some files replaced. Modes stay; what is new is an ordinary file."""
        paths = {os.fsencode(path): content for path, content in replace.items()}
        if odd := [path for path in replace if not is_git_path(path)]:
            raise ChargehandError(f"{odd[0]!r} cannot be a path in git")
        folders = sorted({b"", *(above for path in paths for above in _above(path))}, key=_depth)
        base = treeish.encode()
        found = self.read(base + b"^{tree}", *(base + b":" + folder for folder in folders if folder))
        if found[0] is None:
            raise EnvironmentProblem(f"the depot has no tree {treeish}", code="git")
        if not paths:
            return found[0][0]
        trees = {
            folder: self._parse(item[2]) if item is not None and item[1] == b"tree" else {}
            for folder, item in zip(folders, found, strict=True)
        }
        for path, content in paths.items():
            folder, _, name = path.rpartition(b"/")
            mode = trees[folder].get(name, (b"", b""))[0]
            blob = self.write(b"blob", content)
            trees[folder][name] = (mode if mode in _FILE_MODES else _FILE_MODES[0], bytes.fromhex(blob))
        for folder in reversed(folders):
            oid = self.write(b"tree", _serialize(trees[folder]))
            if not folder:
                return oid
            parent, _, name = folder.rpartition(b"/")
            trees[parent][name] = (_TREE, bytes.fromhex(oid))
        raise AssertionError("the root is always among the folders")

    def _parse(self, content: bytes) -> Entries:
        width = hashlib.new(self.algorithm, usedforsecurity=False).digest_size
        entries: Entries = {}
        at = 0
        while at < len(content):
            end = content.index(b"\0", at)
            mode, _, name = content[at:end].partition(b" ")
            at = end + 1 + width
            entries[name] = (mode, content[end + 1 : at])
        return entries

    def _signature(self) -> bytes:
        now = self._clock()
        name, address = (_plain(part) for part in self._identity)
        zone = time.strftime("%z", time.localtime(now))
        return f"{name} <{address}> {int(now)} {zone}".encode("utf-8", "replace")


def _above(path: bytes) -> Iterable[bytes]:
    parts = path.split(b"/")[:-1]
    return (b"/".join(parts[: count + 1]) for count in range(len(parts)))


def _depth(folder: bytes) -> int:
    return folder.count(b"/") + 1 if folder else 0


def _serialize(entries: Entries) -> bytes:
    """Git orders directories as if their names ended in a slash."""
    ordered = sorted(entries.items(), key=lambda item: item[0] + b"/" if item[1][0] == _TREE else item[0])
    return b"".join(b"%s %s\0%s" % (mode, name, oid) for name, (mode, oid) in ordered)


def _plain(part: str) -> str:
    return "".join(char for char in part if char.isprintable() and char not in "<>").strip()


def is_git_path(path: str) -> bool:
    """Whether git can hold a file of that name: relative, without detours."""
    return not {"", ".", "..", ".git"}.intersection(path.split("/"))


def object_format(commit: str) -> str:
    """The hash a repository uses, told by the length of an id."""
    return "sha256" if len(commit) == 64 else "sha1"
