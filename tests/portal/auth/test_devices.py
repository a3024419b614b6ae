"""Devices from which somebody logged in before: theirs are known, and none that anybody else can make up."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.auth.devices import DAYS, Devices

from .account_files import Clock

KEY, ACCOUNT = bytes(range(32)), "7 0"


@pytest.fixture
def devices(clock: Clock) -> Devices:
    return Devices(KEY, clock)


def test_a_device_is_known_by_its_account_and_password_alone(devices: Devices, clock: Clock) -> None:
    one, two = devices.made(ACCOUNT), devices.made(ACCOUNT)
    names = [devices.known(shown, ACCOUNT) for shown in (one, two)]
    assert None not in names and len(set(names)) == 2
    assert devices.known(one, ACCOUNT) == names[0] == Devices(KEY, clock).known(one, ACCOUNT)  # nothing is stored
    assert [devices.known(one, other) for other in ("7 1", "70", "0 7", "8 0", "")] == [None] * 5
    assert Devices(KEY[::-1], clock).known(one, ACCOUNT) is None


def test_it_is_known_for_so_many_days_and_no_second_longer(devices: Devices, clock: Clock) -> None:
    shown = devices.made(ACCOUNT)
    clock.now += DAYS * 86_400 - 1
    assert devices.known(shown, ACCOUNT)
    clock.now += 1
    assert devices.known(shown, ACCOUNT) is None


def test_its_seal_is_hmac_sha_256(devices: Devices) -> None:
    shown = devices.made(ACCOUNT)
    body, _, seal = shown.rpartition(".")
    oracle = HMAC(KEY, SHA256())
    oracle.update(f"{body} {ACCOUNT}".encode())
    assert seal == base64.urlsafe_b64encode(oracle.finalize()).decode().rstrip("=")
    assert shown.isascii() and shown.isprintable() and not set(shown) & set(' ;,"\\')  # fit for a cookie


def test_no_device_is_one_with_another_character(devices: Devices) -> None:
    shown = devices.made(ACCOUNT)
    for place in range(len(shown)):
        for other in "0zA.-":
            if shown[place] != other:
                assert devices.known(shown[:place] + other + shown[place + 1 :], ACCOUNT) is None
        assert devices.known(shown[:place], ACCOUNT) is None
    assert devices.known(shown + "x" * 100, ACCOUNT) is None


@given(st.text() | st.from_regex(r"[0-9a-f]{16}\.[0-9]{1,30}\.[A-Za-z0-9_-]{43}", fullmatch=True))
def test_no_text_is_a_device(text: str) -> None:
    assert Devices(KEY, Clock()).known(text, ACCOUNT) is None
