"""A ledger is refused on a file system where several processes cannot share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargehand.model.errors import EnvironmentProblem
from chargehand.store import connection
from chargehand.store.filesystem import network_type

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /home rw,relatime shared:2 - nfs4 server:/home rw,vers=4.2
31 30 0:26 / /home/me/local\\040disk rw - xfs /dev/vdb rw
32 22 0:27 / /mnt/share rw - cifs //server/share rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv/x", ""), ("/home/me/p", "nfs4"), ("/home/me/local disk/p", ""), ("/mnt/share/p", "cifs"), ("/mnt/shared/p", "")],
)
def test_the_nearest_mount_decides(path: str, kind: str) -> None:
    assert network_type(Path(path), MOUNTS) == kind


def test_where_the_tests_run_a_ledger_is_welcome(tmp_path: Path) -> None:
    assert network_type(tmp_path) == ""


def test_a_ledger_on_a_network_is_refused_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "network_type", lambda _path: "nfs4")
    with pytest.raises(EnvironmentProblem, match="nfs4") as told:
        connection.connect(tmp_path / "ledger.db", owner=True)
    assert "local disk" in told.value.hint
    assert not (tmp_path / "ledger.db").exists()
