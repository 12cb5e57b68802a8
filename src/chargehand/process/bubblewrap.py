"""The cage made by bubblewrap: namespaces of the kernel, no daemon, no image, a few milliseconds."""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from pathlib import Path

import msgspec

from chargehand.model.errors import EnvironmentProblem
from chargehand.ports import Launch, Room
from chargehand.process import inside
from chargehand.process.call import call
from chargehand.process.environment import PROXIES
from chargehand.process.view import INSIDE, Mount, python, view

CODE = f"{INSIDE}/code"
"""Where `inside` lies in a cage."""

STATUS_FD = 3
"""Where a caged launch tells its supervisor how the program in it ended."""

_INSTALL = "install bubblewrap (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap)"
_FORBIDDEN = (
    "this system forbids user namespaces; allow them (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu"
    " kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap), or use --cage container"
)
# Of what root may do, the part that is about files and users: package managers run as root cannot do without it.
_ROOT_KEEPS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
# Root may write there without any right of his own, and core_pattern alone would be a way out. Bubblewrap covers only a part.
_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/scsi", "/proc/acpi")
_TRIAL_S = 20.0


class Bubblewrap:
    """A ``ports.Cage``. The system is read-only, home and project are hidden, processes and network are the cage's own."""

    name = "bwrap"

    def preflight(self) -> str:
        """See ``ports.Cage``."""
        return self._trouble

    @cached_property
    def _trouble(self) -> str:
        if self._program is None:
            return f"bubblewrap was not found on PATH (hint: {_INSTALL})"
        trial = Launch(argv=("/bin/sh", "-c", "exit 0"), cwd="/", env={"PATH": os.defpath}, directory="/")
        argv = self.wrap(trial, Room(writable=())).argv
        argv = tuple(word for word in argv if not word.startswith("status="))
        try:
            tried = call(argv, env=trial.env, timeout=_TRIAL_S)
        except EnvironmentProblem as problem:
            return str(problem)
        if tried.code:
            said = tried.stderr.decode(errors="replace").strip() or f"exit code {tried.code}"
            return f"bubblewrap does not work here: {said.splitlines()[-1]} (hint: {_FORBIDDEN})"
        return ""

    @cached_property
    def _program(self) -> str | None:
        return shutil.which("bwrap")

    def wrap(self, launch: Launch, room: Room) -> Launch:
        """See ``ports.Cage``. The supervisor is told on a descriptor of its own how the program ended."""
        options = [self._program or "bwrap", "--die-with-parent", "--as-pid-1", *_rights()]
        options += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        options += [] if room.network else ["--unshare-net"]
        options += ["--proc", "/proc", *(word for path in _KERNEL for word in ("--ro-bind-try", path, path))]
        options += ["--dev", "/dev", *_temporary(launch), "--symlink", "/tmp", "/var/tmp"]
        mounts = view(launch, room)
        for mount in mounts:
            options += _option(mount)
        words = [f"status={STATUS_FD}"]
        for name, path in sockets(room):
            # The folder, not the socket: should its owner begin anew, the new socket is seen.
            options += ["--ro-bind", str(Path(path).parent), f"{INSIDE}/{name}"]
            words.append(f"{name}={INSIDE}/{name}/{Path(path).name}")
        options += ["--ro-bind", str(Path(inside.__file__).parent), CODE]
        for place in [*(mount.place for mount in mounts if mount.kind == "empty"), "/"]:
            options += ["--remount-ro", place]
        options += ["--chdir", launch.cwd, "--", *keeper(CODE), *words, "--"]
        return msgspec.structs.replace(launch, argv=(*options, *launch.argv), env=environment(launch, room), caged=True)


def keeper(code: str) -> tuple[str, ...]:
    """How `inside` is run, when ``code`` is where it lies; its words follow."""
    return (python()[0], "-I", "-S", "-X", "utf8", "-c", inside.ENTRY, code)


def environment(launch: Launch, room: Room) -> dict[str, str]:
    """The variables of a launch; the user's own proxy only with his network, the one to a room's hosts where it has any."""
    own = {name: value for name, value in launch.env.items() if room.network or name.upper() not in PROXIES}
    return own | _proxies(room)


def sockets(room: Room) -> list[tuple[str, str]]:
    """What of outside is reached from inside: a name of ``inside.PORTS``, and the unix socket it leads to."""
    found = [("gateway", room.socket), ("proxy", room.proxy if room.hosts and not room.network else "")]
    return [(name, path) for name, path in found if path]


def _proxies(room: Room) -> dict[str, str]:
    """The variables by which programs find the proxy to the hosts of a room, in the spellings in use; none without such hosts."""
    if "proxy" not in dict(sockets(room)):
        return {}
    who = f"call:{room.password}@" if room.password else ""
    address = f"http://{who}127.0.0.1:{inside.PORTS['proxy']}"
    env = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), address)
    return env | dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost,::1") | {"NODE_USE_ENV_PROXY": "1"}


def _rights() -> list[str]:
    keeps = _ROOT_KEEPS if os.geteuid() == 0 else ()
    return ["--cap-drop", "ALL", *(word for name in keeps for word in ("--cap-add", f"CAP_{name}"))]


def _temporary(launch: Launch) -> list[str]:
    """/tmp is the private TMPDIR: on disk, for it may be large, and gone with the attempt."""
    own = launch.env.get("TMPDIR", "")
    return ["--bind", own, "/tmp"] if own and Path(own).is_dir() else ["--tmpfs", "/tmp"]


def _option(mount: Mount) -> list[str]:
    match mount.kind:
        case "read":
            return ["--ro-bind-try", mount.source, mount.place]
        case "write":
            return ["--bind", mount.source, mount.place]
        case "empty":
            return ["--tmpfs", mount.place]
        case "mask":
            return ["--ro-bind", "/dev/null", mount.place]
        case "link":
            return ["--symlink", mount.source, mount.place]
