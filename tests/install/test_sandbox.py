"""What units keep from their daemons, by the units' own texts and by drop-ins as an operator writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ims.install.sandbox import Sandbox, sandbox_findings
from ims.install.service import SERVICES
from ims.install.unit import unit_text
from ims.install.unit_file import UnitFile, installed
from ims.process.file_access import Need, Way


def unit(name: str, *drop_ins: str) -> UnitFile:
    texts = [unit_text(name, Path("/opt/ims")), *(f"[Service]\n{text}\n" for text in drop_ins)]
    return UnitFile(f"ims-{name}", texts)


@pytest.mark.parametrize(("name", "path"), [
    ("sensor", "/var/lib/ims/store"), ("sensor", "/var/cache/ims-sensor"), ("ship", "/var/lib/ims/store"),
    ("portal", "/var/lib/ims-portal/accounts.db"), ("portal", "/tmp"), ("queryd", "/var/cache/ims-queryd"),
])  # fmt: skip
def test_what_installation_makes_is_open_to_its_daemon(name: str, path: str) -> None:
    sandbox = Sandbox(unit(name))
    assert (sandbox.hidden(Path(path)), sandbox.read_only(Path(path))) == ("", "")


def test_the_settings_of_installation_are_within_the_units() -> None:
    for service in SERVICES.values():
        sandbox = Sandbox(unit(service.name))
        assert not any(sandbox.hidden(Path(folder.path)) for folder in service.folders)


@pytest.mark.parametrize(("name", "drop_ins", "path", "hidden", "read_only"), [
    ("sensor", (), "/home/ims/store", "ProtectHome=yes", "ProtectSystem=strict"),
    ("sensor", (), "/root/store", "ProtectHome=yes", "ProtectSystem=strict"),
    ("sensor", (), "/tmp/store", "PrivateTmp=yes", ""),
    ("sensor", (), "/srv/store", "", "ProtectSystem=strict"),
    ("sensor", (), "/var/lib/imsx", "", "ProtectSystem=strict"),
    ("sensor", ("ReadWritePaths=/srv/store",), "/srv/store/deep", "", ""),
    ("sensor", ("ReadWritePaths=-/srv",), "/srv/store", "", ""),
    ("sensor", ('ReadWritePaths="/srv/my store" /data',), "/srv/my store", "", ""),
    ("sensor", ("ReadWritePaths=/srv", "ReadWritePaths="), "/srv/store", "", "ProtectSystem=strict"),
    ("sensor", ("ReadWritePaths=/srv", "ReadOnlyPaths=/srv/store"), "/srv/store", "", "ReadOnlyPaths="),
    ("sensor", ("ReadWritePaths=/home/ims",), "/home/ims/store", "ProtectHome=yes", ""),
    ("sensor", ("ProtectHome=no",), "/home/ims/store", "", "ProtectSystem=strict"),
    ("sensor", ("ProtectHome=read-only", "ProtectSystem=no"), "/home/x", "", "ProtectHome=read-only"),
    ("sensor", ("ProtectHome=tmpfs", "BindPaths=/srv/x:/home/x"), "/home/x", "", ""),
    ("sensor", ("ProtectSystem=full",), "/srv/store", "", ""),
    ("sensor", ("ProtectSystem=full",), "/etc/x", "", "ProtectSystem=full"),
    ("sensor", ("InaccessiblePaths=-/srv",), "/srv/store", "InaccessiblePaths=", "ProtectSystem=strict"),
    ("queryd", (), "/var/lib/ims/store", "", "ReadOnlyPaths="),
    ("ship", (), "/srv/lake", "", "ProtectSystem=strict"),
    ("ship", ("ReadWritePaths=/srv/lake",), "/srv/lake", "", ""),
])  # fmt: skip
def test_what_is_kept_from_a_daemon(
    name: str, drop_ins: tuple[str, ...], path: str, hidden: str, read_only: str
) -> None:
    sandbox = Sandbox(unit(name, *drop_ins))
    assert (sandbox.hidden(Path(path)), sandbox.read_only(Path(path))) == (hidden, read_only)


def test_links_are_followed_on_both_sides(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "round").symlink_to("round")
    sandbox = Sandbox(unit("sensor", "PrivateTmp=no", f"ReadWritePaths={tmp_path}/link"))
    for store in ("real/store", "link/store"):
        assert sandbox.read_only(tmp_path / store) == "", store
    sandbox = Sandbox(unit("sensor", "PrivateTmp=no", f"InaccessiblePaths={tmp_path}/link"))
    assert sandbox.hidden(tmp_path / "real" / "store") == "InaccessiblePaths="
    assert sandbox.read_only(tmp_path / "round") == "ProtectSystem=strict"


def test_the_remedy_mends_it(tmp_path: Path) -> None:
    """The two lines that are printed, put where `systemctl edit` puts them."""
    store = Path("/srv/a %h store")
    before = unit("sensor")
    [found] = sandbox_findings(before, [Need("the store", store, Way.CHANGE_ALL), Need("the registry", Path("/srv/r"))])
    assert found.found == f"ims-sensor.service may only read the store {store} (ProtectSystem=strict)"
    first, *lines = found.remedy.splitlines()
    assert first == (
        "`install -d -o ims -g ims -m 750 '/srv/a %h store'`; then `systemctl edit ims-sensor` with these two lines:"
    )
    folder = tmp_path / "ims-sensor.service.d"
    folder.mkdir()
    (folder / "override.conf").write_text("\n".join(lines))
    (tmp_path / "ims-sensor.service").write_text(unit_text("sensor", Path("/opt/ims")))
    after = installed("ims-sensor", [str(tmp_path)])
    assert after is not None
    assert list(sandbox_findings(after, [Need("the store", store, Way.CHANGE_ALL)])) == []


def test_no_remedy_opens_a_folder_of_the_system() -> None:
    [found] = sandbox_findings(unit("portal"), [Need("the audit log", Path("/var/log/audit.jsonl"), Way.CHANGE)])
    assert "ReadWritePaths" not in found.remedy


def test_a_store_under_home_gets_another_place() -> None:
    [found] = sandbox_findings(unit("sensor"), [Need("the store", Path("/home/a/store"), Way.CHANGE_ALL)])
    assert found.found == "ims-sensor.service hides the store /home/a/store from the daemon (ProtectHome=yes)"
    assert found.remedy == "keep it elsewhere, such as below /var/lib/ims or /srv"
