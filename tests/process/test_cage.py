"""What a caged program sees and can do: its workspace and the system, and nothing of the user's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.process.cage_room import Cell, cell_fixture  # noqa: F401
from tests.process.process_room import room_fixture  # noqa: F401

from chargehand.process.bubblewrap import Bubblewrap


def test_it_works_here(cell: Cell) -> None:
    assert cell.cage.preflight() == ""


def test_without_bubblewrap_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "hint: install bubblewrap" in Bubblewrap().preflight()


def test_bubblewrap_that_fails_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As where the system forbids namespaces."""
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "No permissions to create new namespace (hint: this system forbids" in Bubblewrap().preflight()


def test_the_workspace_and_home_are_written_as_outside(cell: Cell) -> None:
    cell.out("echo made > file; echo kept > $HOME/file; echo temporary > $TMPDIR/a; echo temporary > /tmp/b; pwd")
    assert (cell.work / "file").read_text() == "made\n"
    assert (cell.home / "file").read_text() == "kept\n"
    assert cell.launches.stdout().decode().strip() == str(cell.work)
    assert (cell.home / "tmp" / "b").exists(), "/tmp is the private TMPDIR"
    assert (cell.work / "file").stat().st_uid == os.getuid()


@pytest.mark.parametrize(
    "place", ["/usr/x", "/etc/x", "/x", "/opt/x", "/run/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"]
)
def test_the_system_is_read_only(cell: Cell, place: str) -> None:
    before = Path(place).exists()
    assert cell.run(cell.shell(f"true >> {place}")).code != 0
    assert Path(place).exists() == before


def test_nothing_of_project_home_and_state_is_seen(cell: Cell, clean_environment: Path) -> None:
    secret = cell.path("project/secret.txt", "hunter2")
    (clean_environment / ".netrc").write_text("hunter2")
    hidden = (str(cell.launches.root), str(clean_environment), str(Path("~").expanduser()))
    script = f"cat {secret} {clean_environment}/.netrc; ls -A {clean_environment}; ls -A {cell.launches.root}; exit 0"
    assert cell.out(script, room={"hidden": hidden}) == "home\nwork\n"
    assert "hunter2" not in cell.launches.stdout().decode()
    assert cell.run(cell.shell(f"echo > {clean_environment}/new", room={"hidden": hidden}, name="b")).code != 0
    assert not (clean_environment / "new").exists()


def test_what_is_readable_is_read_and_not_written(cell: Cell) -> None:
    depot = cell.path("state/depot/object", "content")
    room = {"readable": (str(depot.parent),), "hidden": (str(cell.launches.root), str(cell.launches.root / "state"))}
    assert cell.out(f"cat {depot}", room=room) == "content"
    assert cell.run(cell.shell(f"echo > {depot}; echo > {depot}.new", room=room, name="b")).code != 0
    assert depot.read_text() == "content"
    assert [file.name for file in depot.parent.iterdir()] == ["object"]


def test_what_lies_deeper_wins(cell: Cell) -> None:
    """A project worked on in place, with our state hidden in it, and one file of that readable."""
    prompt = cell.path("project/.state/prompt.md", "do it")
    cell.path("project/.state/ledger.db", "money")
    project = prompt.parent.parent
    room = {"writable": (str(project), str(cell.work), str(cell.home)), "hidden": (str(prompt.parent),), "readable": (str(prompt),)}
    script = f"cat {prompt}; ls -A {prompt.parent}; echo new > {project}/new; ! echo > {prompt}"
    assert cell.out(script, room=room) == "do itprompt.md\n"
    assert (project / "new").exists()
    assert prompt.read_text() == "do it"


def test_secrets_of_the_machine_are_hidden_even_from_root(cell: Cell) -> None:
    cell.out("cat /etc/passwd")
    assert cell.run(cell.shell("cat /etc/shadow", name="b")).code != 0
    assert cell.run(cell.shell("ls /etc/ssl/private/*", name="c")).code != 0
    assert cell.out("ls -A /root /home 2>/dev/null; exit 0", name="d", env={"PATH": "/usr/bin:/bin"}).count("ssh") == 0


def test_root_inside_cannot_undo_the_cage(cell: Cell) -> None:
    for number, script in enumerate(
        ("mount -o remount,rw /usr", "mount -t tmpfs none /opt", "umount /etc/shadow", "mknod d c 1 3")
    ):
        assert cell.run(cell.shell(script, name=f"n{number}")).code != 0
    unshared = "unshare -Urm sh -c 'mount -o remount,rw,bind /usr /usr && touch /usr/undone'"
    assert cell.run(cell.shell(unshared, name="u")).code != 0
    assert not Path("/usr/undone").exists()


def test_processes_outside_are_not_seen(cell: Cell) -> None:
    script = f"kill -0 {os.getpid()} && exit 1; ls -d /proc/[0-9]* | wc -l; cat /proc/1/cmdline | tr '\\0' ' '"
    count, first = cell.out(script).split("\n", 1)
    assert int(count) <= 6
    assert "import inside" in first


def test_its_own_network_has_nothing_but_loopback(cell: Cell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('reached')"
        assert cell.run(cell.python(reach)).code != 0
        assert "ConnectionRefusedError" in cell.err()
        assert cell.run(cell.python(reach, room={"network": True}, name="b")).ok
    assert cell.out("cat /etc/resolv.conf", room={"network": True}, name="d") == Path("/etc/resolv.conf").read_text()
    assert cell.out("cat /proc/net/dev | tail -n +3 | cut -d: -f1", name="c").split() == ["lo"]


def test_abstract_sockets_and_shared_memory_are_its_own(cell: Cell) -> None:
    name = f"\0chargehand-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        reach = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({name!r})"
        assert cell.run(cell.python(reach)).code != 0
    assert cell.out("ls -A /dev/shm; ipcs -m 2>/dev/null | grep -c 0x; exit 0", name="b").split() in ([], ["0"])


def test_the_environment_is_as_given(cell: Cell) -> None:
    launch = cell.launch("/usr/bin/env", env={"A": "1", "B": "ü\n2"})
    cell.run(launch)
    expected = {**launch.env, "CHARGEHAND_LAUNCH": launch.directory}
    assert sorted(cell.launches.stdout().decode().splitlines()) == sorted(
        line for name, value in expected.items() for line in f"{name}={value}".splitlines()
    )


def test_no_descriptor_of_ours_is_open_in_the_program(cell: Cell) -> None:
    cell.run(cell.python("import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])"))
    assert cell.launches.stdout().decode().strip() == "['0', '1', '2']"


def test_a_users_proxy_leads_nowhere_without_his_network(cell: Cell) -> None:
    script = 'echo "${HTTPS_PROXY-none}"'
    assert cell.out(script, env={"HTTPS_PROXY": "http://127.0.0.1:1"}) == "none\n"
    assert cell.out(script, env={"HTTPS_PROXY": "http://127.0.0.1:1"}, room={"network": True}, name="b") == "http://127.0.0.1:1\n"


def test_a_toolchain_named_by_the_environment_is_readable_in_a_hidden_home(cell: Cell) -> None:
    for name in ("tools/versions/1/bin/mine", "own/bin/yours"):
        program = cell.path(name, "#!/bin/sh\necho $0 | sed 's,.*/,,'\n")
        program.chmod(0o755)
    cell.path("own/credentials", "hunter2")
    root = cell.launches.root
    env = {"PYENV_ROOT": str(root / "tools"), "PATH": f"{root}/tools/versions/1/bin:{root}/own/bin:{os.environ['PATH']}"}
    assert cell.out(f"mine; yours; cat {root}/own/credentials; exit 0", env=env) == "mine\nyours\n"
    assert cell.run(cell.shell(f"echo > {root}/tools/new", env=env, name="b")).code != 0


def test_a_virtual_environment_on_the_path_works(cell: Cell) -> None:
    """That of the user's project, say, in a project that is hidden."""
    root = cell.launches.root
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / "project/.venv")], check=True)
    env = {"PATH": f"{root}/project/.venv/bin:/usr/bin:/bin"}
    assert cell.out("python -c 'import sys; print(sys.prefix)'", env=env) == f"{root}/project/.venv\n"


def test_git_finds_objects_it_borrows(cell: Cell) -> None:
    """A workspace made by clone --shared, whose lender is hidden but for its objects."""

    def git(*words: str, cwd: Path) -> None:
        subprocess.run(["git", *words], cwd=cwd, check=True, capture_output=True)

    depot = cell.launches.root / "depot"
    depot.mkdir()
    git("init", "-q", cwd=depot)
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first", cwd=depot)
    git("clone", "-q", "--shared", str(depot), str(cell.work / "clone"), cwd=cell.work)
    commit = "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m second"
    script = f"cd clone && git log --format=%s && {commit} && git log --format=%s"
    room = {"readable": (str(depot / ".git" / "objects"),)}
    assert cell.out(script, room=room).split() == ["first", "second", "first"]
    assert cell.run(cell.shell("cd clone && git log", name="b")).code != 0, "it is really hidden"


@pytest.mark.parametrize("where", ["with space", "ünïcode", "-dash", "new\nline"])
def test_odd_paths(tmp_path: Path, where: str, require: object) -> None:
    from tests.process.process_room import Room

    (tmp_path / where).mkdir()
    cell = Cell(Room(tmp_path / where))
    assert cell.out("echo ok > here && cat here") == "ok\n"
    assert (cell.work / "here").exists()


def test_a_workspace_below_the_hidden_home(cell: Cell, clean_environment: Path) -> None:
    work = clean_environment / "project" / ".state" / "work" / "a"
    work.mkdir(parents=True)
    (clean_environment / "project" / "private").write_text("x")
    room = {
        "writable": (str(work), str(cell.work), str(cell.home)),
        "hidden": (str(clean_environment), str(clean_environment / "project")),
    }
    assert cell.out(f"cd {work} && echo x > y && ls -A {clean_environment}/project", room=room) == ".state\n"
    assert (work / "y").exists()


ORDINARY = """
import asyncio, os, sys
from pathlib import Path
from chargehand.ports import Launch, Room
from chargehand.process.bubblewrap import Bubblewrap
from chargehand.process.pool import ShimPool
root = Path(sys.argv[1])
for name in ("work", "home/tmp"): (root / name).mkdir(parents=True)
(root / "secret").write_text("hunter2")
env = {"PATH": "/usr/bin:/bin", "HOME": str(root / "home"), "TMPDIR": str(root / "home/tmp")}
script = "id -u; echo made > file; cat ../secret; echo x > /usr/x; mount -o remount,rw /usr; exec sleep 1000 & kill -TERM $$"
bare = Launch(argv=("/bin/sh", "-c", script), cwd=str(root / "work"), env=env, directory=str(root / "a"), kill_s=0.2)
caged = Bubblewrap().wrap(bare, Room(writable=(str(root / "work"), str(root / "home")), hidden=(str(root),)))
async def main():
    pool = ShimPool(root / "shim.log")
    result = await pool.run(caged)
    await pool.close()
    print(result.cause, result.signal, result.leftovers, result.error)
asyncio.run(main())
print((root / "a/stdout.log").read_text().split(), (root / "work/file").read_text(), (root / "shim.log").read_text())
"""


@pytest.fixture
def nobodys_place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, 65534, 65534)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_as_an_ordinary_user(cell: Cell, nobodys_place: Path) -> None:
    def try_as_nobody(python: str, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        env = {"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        command = [python, "-c", script, *words]
        return subprocess.run(
            command, env=env, cwd="/", user=65534, group=65534, extra_groups=[], capture_output=True, text=True, check=False
        )

    def usable(python: str) -> bool:
        try:
            return try_as_nobody(python, "import chargehand.process.pool").returncode == 0
        except OSError:
            return False

    python = next(filter(usable, (sys.executable, "/usr/bin/python3")), None)
    if python is None:
        pytest.skip("no other user can run our interpreter or our code")
    tried = try_as_nobody(python, ORDINARY, str(nobodys_place))
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.split("\n")[:2] == ["exited 15 1 ", "['65534'] made"]
