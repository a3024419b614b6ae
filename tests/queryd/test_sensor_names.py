"""Whose packets a query daemon may tell: its certificate's sensor's, and those that its settings name."""

from __future__ import annotations

import shlex
import tomllib
from datetime import UTC, datetime, timedelta

import pytest

from ims.pki.authority import create_authority
from ims.pki.credentials import Credentials
from ims.queryd.config import QuerydConfig, checked_queryd
from ims.queryd.sensor_names import stranger


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """Of sensor a."""
    folder = tmp_path_factory.mktemp("pki")
    authority = create_authority(folder / "PKI", "Test", 900, now=datetime.now(UTC) - timedelta(days=60))
    authority.issue("a", "sensor", folder / "a")
    return Credentials.read(folder / "a" / "a.pem", folder / "a" / "a.key", folder / "a" / "ca.pem")


def config(*sensors: str) -> QuerydConfig:
    return checked_queryd({"store": "/srv/store", "sensors": list(sensors)})


def test_its_own_and_those_that_are_named_are_no_strangers(certificate: Credentials) -> None:
    for named, held in (((), ["a"]), ((), []), (("old",), ["a", "old"]), (("old",), ["old"]), (("a",), ["a"])):
        assert stranger(config(*named), certificate, held) is None
    assert stranger(config("b"), None, ["b"]) is None


def test_without_a_certificate_and_names_any_store_will_do() -> None:
    assert stranger(config(), None, ["a", "b", "c"]) is None


def test_another_is_refused_with_its_name_and_the_certificate_s(certificate: Credentials) -> None:
    said = stranger(config(), certificate, ["a", "b"])
    assert said is not None and "\n" not in said
    assert said.startswith("/srv/store holds sensor 'b', but the certificate is that of sensor 'a'")
    assert stranger(config(), certificate, ["A"]) is not None  # names are what they are


def test_without_a_certificate_the_settings_names_are_said() -> None:
    said = stranger(config("b", "old"), None, ["b", "c"])
    assert said is not None
    assert "holds sensor 'c', but `sensors` names b, old" in said


def test_both_remedies_help(certificate: Credentials) -> None:
    """The line for the settings is TOML that names all strangers; the command renames the first to what is allowed."""
    held = ["a", "b", "old", "c"]
    said = stranger(config("old"), certificate, held)
    assert said is not None
    setting = said[said.index("sensors = [") :]
    assert stranger(config(*tomllib.loads(setting)["sensors"]), certificate, held) is None
    _, command, *_ = said.split("`")
    words = shlex.split(command)
    assert words == ["ims", "sensor", "rename", "b", "a", "--store", "/srv/store"]
    assert stranger(config("old"), certificate, ["a", "old"]) is None
