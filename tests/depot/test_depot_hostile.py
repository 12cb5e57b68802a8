"""No byte of a workspace is obeyed: every setting that can start a program is set, and nothing starts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.depot.depot_room import commit, fingerprint, git, opened, tip, write

from chargehand.model.config import WorkspaceKind

GitRepo = Callable[..., Path]

HOOKS = (
    "applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg", "commit-msg",
    "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update", "proc-receive", "post-receive",
    "post-update", "reference-transaction", "push-to-checkout", "pre-auto-gc", "post-rewrite", "sendemail-validate",
    "fsmonitor-watchman", "post-index-change",
)  # fmt: skip
KEYS = (
    "core.fsmonitor", "core.sshCommand", "core.editor", "core.pager", "core.askPass", "core.gitProxy", "core.alternateRefsCommand",
    "diff.external", "diff.x.command", "diff.x.textconv", "filter.x.clean", "filter.x.smudge", "filter.x.process", "merge.x.driver",
    "gpg.program", "gpg.ssh.program", "gpg.x509.program", "sequence.editor", "credential.helper", "uploadpack.packObjectsHook",
    "remote.origin.uploadpack", "remote.origin.receivepack", "remote.origin.vcs", "ssh.variant", "interactive.diffFilter",
    "trailer.x.command", "trailer.x.cmd", "receive.procReceiveRefs", "pager.status", "pager.log", "pager.diff", "web.browser",
    "difftool.x.cmd", "mergetool.x.cmd", "man.x.cmd", "browser.x.cmd", "hook.x.command", "init.templateDir", "alias.status",
    "alias.read-tree", "alias.ls-files", "alias.update-index", "submodule.x.update",
)  # fmt: skip


def setting(key: str, value: str) -> str:
    """As it stands in a file; one process for each would take seconds."""
    section, _, rest = key.partition(".")
    part, _, name = rest.rpartition(".")
    return f'[{section} "{part}"]\n\t{name} = {value}\n' if part else f"[{section}]\n\t{name} = {value}\n"


def arm(git_dir: Path, canary: Path) -> None:
    """Set everything that git can be told to run, and plant every hook."""
    program = write(canary.parent, "program", f'#!/bin/sh\necho "$0 $*" >> {canary}\ncat 2>/dev/null\nexit 0\n')
    program.chmod(0o755)
    config = git_dir / "config"
    settings = [(key, str(program)) for key in KEYS]
    settings += (
        ("core.hooksPath", str(canary.parent / "hooks")), ("filter.x.required", "true"), ("url.ext::sh -c x.insteadOf", "/"),
        ("protocol.allow", "always"), ("commit.gpgSign", "true"), ("hook.x.event", "post-index-change"), ("core.worktree", "/"),
        ("include.path", str(canary.parent / "more")), ("gc.auto", "1"), ("maintenance.auto", "true"),
        ("extensions.worktreeConfig", "true"),
    )  # fmt: skip
    with config.open("a") as file:
        file.writelines(setting(key, value) for key, value in settings)
    assert git(git_dir.parent, "config", "--file", str(config), "--get", "hook.x.command") == str(program)  # git reads all of it
    write(canary.parent, "more", f"[core]\n\tfsmonitor = {program}\n")
    shutil.copyfile(config, git_dir / "config.worktree")
    for folder in (canary.parent / "hooks", git_dir / "hooks"):
        for name in HOOKS:
            write(folder, name, program.read_text()).chmod(0o755)
    write(git_dir, "info/attributes", "* filter=x diff=x merge=x\n")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    (tmp_path / "canary").mkdir()
    return tmp_path / "canary" / "ran"


def test_the_canary_sings_where_git_obeys(git_repo: GitRepo, canary: Path) -> None:
    """Without this the tests below would prove nothing."""
    root = git_repo({"a.txt": "1\n", ".gitattributes": "*.txt filter=x diff=x merge=x\n"})
    arm(root / ".git", canary)
    git(root, "config", "--unset", "core.worktree")
    canary.unlink(missing_ok=True)
    subprocess.run(["git", "status"], cwd=root, check=False, capture_output=True)
    assert "program" in canary.read_text()


@pytest.mark.parametrize("kind", ["clone", "worktree"])
def test_nothing_runs(git_repo: GitRepo, canary: Path, kind: WorkspaceKind) -> None:
    root = git_repo({"a.txt": "1\n", "b.txt": "1\n", ".gitattributes": "*.txt filter=x diff=x merge=x\n"})
    depot = opened(root, kind)
    base = tip(root)
    before = fingerprint(root)
    place = depot.workspace("one", base)
    git_dir = Path(git(place, "rev-parse", "--absolute-git-dir"))
    made = commit(place, "mine", a_txt="2\n")
    write(place, "b.txt", "2\n")
    write(place, "new.txt", "3\n")
    write(
        place, ".gitmodules", f'[submodule "x"]\n\tpath = sub\n\turl = ext::{canary.parent}/program\n\tupdate = !touch {canary}\n'
    )
    git(place, "init", "--quiet", "sub")
    write(place, "sub/inner.txt")
    arm(place / "sub/.git", canary)
    write(place, "bare/inside.txt")
    git(place, "init", "--quiet", "--bare", "bare")
    arm(place / "bare", canary)
    for each in {git_dir, *([depot.git.git_dir] if kind == "worktree" else [])}:
        arm(each, canary)
    canary.unlink(missing_ok=True)

    taken = depot.take("one", base, "taken")
    assert taken is not None
    assert {"a.txt", "b.txt", "new.txt", "sub/inner.txt"} <= set(taken.files)
    proposal = depot.propose(taken.commit, [base], "landed", {"a.txt": b"4\n"})
    theirs = depot.propose(base, [base], "other", {"a.txt": b"5\n"})
    depot.merge(base, proposal, theirs)
    gate = depot.checkout("gate", proposal)
    assert (gate / "a.txt").read_text() == "4\n"
    depot.changed(base, proposal)
    assert depot.land(proposal, base)
    depot.discard("one")
    depot.discard("gate")
    depot.workspace("two", proposal)
    assert depot.take("two", proposal, "nothing") is None
    assert not canary.exists(), canary.read_text()

    assert depot.contains(proposal)
    assert (kind == "worktree") or depot.git.run("cat-file", "-t", made).stdout == b"commit\n"
    assert fingerprint(root) == before


def test_a_populated_submodule_is_not_asked(git_repo: GitRepo, canary: Path) -> None:
    other = git_repo({"x.txt": "1\n"}, name="other")
    root = git_repo({"a.txt": "1\n"})
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    base = commit(root, "with a submodule")
    depot = opened(root)
    place = depot.workspace("one", base)
    git(place, "clone", "--quiet", str(other), "sub")
    write(place, "sub/x.txt", "dirty\n")
    write(place, "sub/.gitattributes", "* filter=x\n")
    arm(place / "sub/.git", canary)
    write(place, "a.txt", "2\n")
    taken = depot.take("one", base, "taken")
    assert taken is not None
    assert taken.files == ("a.txt",)
    assert not canary.exists(), canary.read_text()


def test_hooks_of_the_user_do_not_run_when_we_move_his_branch(git_repo: GitRepo, canary: Path) -> None:
    root = git_repo({"a.txt": "1\n"})
    depot = opened(root)
    base = tip(root)
    program = write(canary.parent, "program", f"#!/bin/sh\necho $0 >> {canary}\n")
    for name in HOOKS:
        write(root, f".git/hooks/{name}", program.read_text()).chmod(0o755)
    git(root, "config", "core.fsmonitor", str(program))
    program.chmod(0o755)
    proposal = depot.propose(base, [base], "landed", {"a.txt": b"2\n"})
    assert depot.land(proposal, base)
    assert depot.deliver().how == "checkout"
    assert (root / "a.txt").read_text() == "2\n"
    assert not canary.exists(), canary.read_text()
    git(root, "switch", "--quiet", "-c", "other")
    canary.unlink(missing_ok=True)
    more = depot.propose(proposal, [proposal], "landed", {"a.txt": b"3\n"})
    assert depot.land(more, proposal)
    assert depot.deliver().how == "branch"
    assert not canary.exists(), canary.read_text()


def test_settings_of_the_machine_are_not_ours(
    git_repo: GitRepo, canary: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = git_repo({"a.txt": "1\n", ".gitattributes": "* filter=x\n"})
    program = write(canary.parent, "program", f"#!/bin/sh\necho $0 >> {canary}\n")
    program.chmod(0o755)
    home = write(tmp_path, "home/.gitconfig", f'[core]\n\tfsmonitor = {program}\n[filter "x"]\n\tclean = {program}\n').parent
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(program))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    depot = opened(root)
    place = depot.workspace("one", depot.refresh().tip)
    write(place, "a.txt", "2\n")
    canary.unlink(missing_ok=True)
    assert depot.take("one", depot.refresh().tip, "taken") is not None
    assert not canary.exists(), canary.read_text()


def test_submodules_with_tricks_are_neither_asked_nor_fetched(git_repo: GitRepo, canary: Path) -> None:
    """A path that ends in a carriage return, an address that is a command, an update that is one: of a commit, and of an agent."""
    root = git_repo({"a.txt": "1\n"})
    program = write(canary.parent, "program", f"#!/bin/sh\necho $0 >> {canary}\n")
    program.chmod(0o755)
    told = f'[submodule "x"]\n\tpath = "sub\\r"\n\turl = ext::{program}\n\tupdate = !{program}\n'
    write(root, ".gitmodules", told)
    git(root, "add", "--all")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub\r")
    git(root, "commit", "--quiet", "--message", "tricks")
    depot = opened(root)
    place = depot.workspace("one", tip(root))
    write(place, "a.txt", "2\n")
    write(place, ".gitmodules", told.replace("x", "y"))
    taken = depot.take("one", tip(root), "taken")
    assert taken is not None
    assert taken.files == (".gitmodules", "a.txt")
    depot.checkout("gate", taken.commit)
    assert not canary.exists(), canary.read_text()
