"""The first process in a cage: starts the program, carries its model requests out, buries the dead, tells how it ended.

Run with ``python -I -S`` and `ENTRY`: it sees nothing of this package, and imports next to nothing. Being process 1 of its own
namespace, no signal from inside can end it, and everything else in the cage ends with it.

``[status=FD] [lease=FILE] [gateway=SOCKET] [proxy=SOCKET] -- PROGRAM ARGUMENTS``

``status``: a descriptor on which is written ``run`` once the program runs, then ``end N`` (its wait status), or ``not REASON``.
``lease``: a file somebody outside keeps locked; when he no longer does, all ends. Used where a supervisor cannot reach inside.
``hold``: outside, instead of all this: lock that file and become the program, so that the lock is gone when the program is.
"""
# pathlib would double the start-up time; contextlib, signal and socket would each add a fourth.

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # typeshed knows only the module that wraps it
import _socket
import os
import select
import sys

ENTRY = "import sys; sys.path.append(sys.argv[1]); import inside; inside.begin(sys.argv[2:])"
"""What Python is given to run, with the folder this file lies in: a script would be compiled at every start."""

PORTS = {"gateway": 4545, "proxy": 4546}
"""Where the sockets are found inside, on 127.0.0.1."""

_CHUNK = 65536
_LEASE_LOOK_MS = 500
CANNOT_RUN = 127


class Relay:
    """Carries bytes between connections to local ports and unix sockets; a side that is not read from is not written for."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._doors: dict[int, tuple[_socket.socket, str]] = {}
        self._ends: dict[int, End] = {}

    def listen(self, port: int, path: str) -> None:
        """From now on, who connects to the port on 127.0.0.1 is connected to the unix socket. Raises OSError."""
        door = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        # On the host's network the first processes of several cages share the port; all lead to the same place.
        for option in (_socket.SO_REUSEADDR, _socket.SO_REUSEPORT):
            door.setsockopt(_socket.SOL_SOCKET, option, 1)
        door.bind(("127.0.0.1", port))
        door.listen(128)
        door.setblocking(False)
        self._doors[door.fileno()] = (door, path)
        self._poll.register(door.fileno(), select.POLLIN)

    def handle(self, fd: int, event: int) -> None:
        """Something happened on one of our descriptors; a descriptor that is not ours is passed over."""
        if fd in self._doors:
            self._open(*self._doors[fd])
        elif fd in self._ends:
            end = self._ends[fd]
            broken = False
            try:
                if end.wants and event & ~select.POLLOUT:
                    end.read()
                if end.waiting:
                    end.write()
            except OSError:
                broken = True
            self._settle(end, broken)

    def _open(self, door: _socket.socket, path: str) -> None:
        try:
            # typeshed does not know it: the descriptor of the new connection, and its address.
            number, _ = door._accept()  # type: ignore[attr-defined]
        except OSError:
            return
        near = _socket.socket(fileno=number)
        far = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            for side in (near, far):
                side.setblocking(False)
            near.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            far.connect(path)
        except OSError:
            # Nobody answers out there, at the moment: the program sees its connection closed, and may try again.
            near.close()
            far.close()
            return
        one, other = End(near), End(far)
        one.peer, other.peer = other, one
        for end in (one, other):
            self._ends[end.fd] = end
            self._watch(end, select.POLLIN)

    def _settle(self, end: End, broken: bool) -> None:
        over = broken or end.done
        for each in (end, end.peer):
            self._watch(each, 0 if over else (select.POLLIN if each.wants else 0) | (select.POLLOUT if each.waiting else 0))
            if over:
                del self._ends[each.fd]
                each.socket.close()

    def _watch(self, end: End, wanted: int) -> None:
        # A hang-up is told whether it was asked for or not: of whom nothing is wanted now, nothing must be heard.
        if wanted:
            self._poll.register(end.fd, wanted)
        elif end.watched:
            self._poll.unregister(end.fd)
        end.watched = bool(wanted)


class End:
    """One end of a carried connection. ``waiting`` is what came from its peer and could not be written yet."""

    peer: End

    def __init__(self, socket: _socket.socket) -> None:
        self.socket = socket
        self.fd = socket.fileno()
        self.waiting = b""
        self.finished = self.watched = False

    @property
    def wants(self) -> bool:
        """Whether it is to be read from."""
        return not self.finished and not self.peer.waiting

    @property
    def done(self) -> bool:
        """Whether nothing will come from either end any more."""
        return self.finished and self.peer.finished and not self.waiting and not self.peer.waiting

    def read(self) -> None:
        """Take what came and pass it on. Raises OSError when either connection is broken."""
        try:
            data = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        if data:
            self.peer.waiting = data
            self.peer.write()
        else:
            self.finished = True
            self.peer.socket.shutdown(_socket.SHUT_WR)

    def write(self) -> None:
        """Give it what waits, as far as it takes it. Raises OSError when it is broken."""
        while self.waiting:
            try:
                sent = self.socket.send(self.waiting)
            except BlockingIOError:
                return
            self.waiting = self.waiting[sent:]


def start(program: list[str]) -> int:
    """The program, in a session of its own, with the environment and the signals it would have outside. Raises OSError."""
    env = environment()
    folders = os.fsdecode(env.get(b"PATH", os.defpath.encode())).split(os.pathsep)
    places = [program[0]] if "/" in program[0] else [f"{folder or '.'}/{program[0]}" for folder in folders]
    problem: OSError | None = None
    for place in places:
        try:
            return os.posix_spawn(place, program, env, setsid=True, setsigmask=(), setsigdef=signal.valid_signals())
        except OSError as error:
            problem = problem if isinstance(problem, PermissionError) else error
    assert problem
    raise OSError(problem.errno, problem.strerror, program[0])


def environment() -> dict[bytes, bytes]:
    """What we were started with: Python has added to it, and so has the cage."""
    with open("/proc/self/environ", "rb") as file:
        pairs = (line.partition(b"=") for line in file.read().split(b"\0") if line)
        return {name: value for name, _, value in pairs if name != b"PWD"}


def leased(path: str) -> bool:
    """Whether the lock outside is still held."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class Keeper:
    """Stays until the program and all it started are gone."""

    def __init__(self, options: dict[str, str], program: list[str]) -> None:
        self._options, self._program = options, program
        self._status_fd = int(options.get("status", "-1"))
        self._child = 0
        self._meant_for_it: list[int] = []
        self._code = CANNOT_RUN
        self._poll = select.poll()
        self._relay = Relay(self._poll)

    def run(self) -> int:
        """The exit code, where a death by signal N counts as 128 + N."""
        woken = self._wake_up()
        if self._status_fd >= 0:
            os.set_inheritable(self._status_fd, False)
        try:
            for name, port in PORTS.items():
                if path := self._options.get(name):
                    self._relay.listen(port, path)
            self._child = start(self._program)
        except (OSError, ValueError) as problem:
            self._tell(f"not {problem}")
            if self._status_fd < 0:
                print(problem, file=sys.stderr)
            return CANNOT_RUN
        self._tell("run")
        lease = self._options.get("lease")
        while self._living():
            self._pass_on()
            for fd, event in self._poll.poll(_LEASE_LOOK_MS if lease else None):
                if fd == woken:
                    os.read(fd, 4096)
                else:
                    self._relay.handle(fd, event)
            if lease and not leased(lease):
                break
        return self._code

    def _wake_up(self) -> int:
        woken, woke = os.pipe()
        os.set_blocking(woke, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woke, warn_on_full_buffer=False)
        self._poll.register(woken, select.POLLIN)
        if self._options.get("lease"):
            # Who holds the lease cannot signal the program; what he sends to us is meant for it.
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda number, _: self._meant_for_it.append(number))
        return woken

    def _pass_on(self) -> None:
        while self._meant_for_it:
            number = self._meant_for_it.pop(0)
            try:
                if self._child:
                    os.kill(self._child, number)
            except ProcessLookupError:
                return

    def _living(self) -> bool:
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return True
                if pid == self._child:
                    self._child = 0
                    self._tell(f"end {status}")
                    code = os.waitstatus_to_exitcode(status)
                    self._code = code if code >= 0 else 128 - code
        except ChildProcessError:
            return False

    def _tell(self, line: str) -> None:
        if self._status_fd >= 0:
            try:
                os.write(self._status_fd, line.encode(errors="replace") + b"\n")
            except OSError:
                return


def hold(path: str, program: list[str]) -> None:
    """Become the program, with the lease in hand. Raises OSError."""
    import fcntl

    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(fd, True)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.execv(program[0], program)


def main(words: list[str]) -> int:
    end = words.index("--")
    options, program = dict(word.split("=", 1) for word in words[:end]), words[end + 1 :]
    if path := options.get("hold"):
        hold(path, program)
    return Keeper(options, program).run()


def begin(words: list[str]) -> None:
    os._exit(main(words))
