"""Nothing of ours is made in the system's own folders, and none of them is given away."""

from __future__ import annotations

from pathlib import Path

import pytest

from ims.system_folder import OWN, SHARED, refuse_system_folder


@pytest.mark.parametrize("folder", [*(f"/{name}" for name in SHARED), *OWN])
def test_no_folder_of_the_system_is_anybody_s_store(folder: str) -> None:
    with pytest.raises(
        ValueError, match=r"belongs to the system; .*a folder of its own for the store, such as /var/lib"
    ):
        refuse_system_folder(Path(folder), "the store")


@pytest.mark.parametrize(
    ("folder", "is_refused"),
    [
        ("/usr/lib/ims", True), ("/etc/ims", True), ("/usr/local/store", True), ("/proc/1/x", True),
        ("/usr/local/share/store", False), ("/var/lib/ims", False), ("/home/a/store", False), ("/srv/store", False),
        ("/etcetera", False), ("/tmp/store", False), ("/usr/../srv/x", False), ("/srv/../usr/x", True),
    ],
)  # fmt: skip
def test_what_is_below_one_is_refused_where_all_of_it_is_the_system_s(folder: str, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(ValueError, match="belongs to the system"):
            refuse_system_folder(Path(folder), "the store")
    else:
        refuse_system_folder(Path(folder), "the store")


def test_a_link_into_one_is_named_with_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/usr/share")
    (tmp_path / "store").mkdir()
    (tmp_path / "own").symlink_to("store")
    with pytest.raises(ValueError, match=f"^{tmp_path}/link/x, which is /usr/share/x, belongs to the system"):
        refuse_system_folder(tmp_path / "link" / "x", "the store")
    refuse_system_folder(tmp_path / "own", "the store")


def test_a_folder_of_its_own_in_etc_is_no_folder_of_the_system() -> None:
    refuse_system_folder(Path("/etc/ims/sensor-a"), "certificate and key", in_etc=True)
    with pytest.raises(ValueError, match=r"^/etc belongs to the system"):
        refuse_system_folder(Path("/etc"), "certificate and key", in_etc=True)
    with pytest.raises(ValueError, match=r"^/usr/x belongs to the system"):
        refuse_system_folder(Path("/usr/x"), "certificate and key", in_etc=True)


def test_where_nothing_is_given_away_folders_that_many_share_will_do() -> None:
    refuse_system_folder(Path("/mnt"), "certificate and key", shared=True)
    for folder in ("/etc", "/usr", "/boot"):
        with pytest.raises(ValueError, match="belongs to the system"):
            refuse_system_folder(Path(folder), "certificate and key", shared=True)
