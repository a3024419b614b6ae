"""Floods of logins and guesses: whoever has a token, and whoever was here before, notices nothing."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
from argon2 import PasswordHasher

from ims.portal.api.threads import WAITING
from ims.portal.auth import login_backoff
from ims.portal.auth.rate_limit import RateLimit

from .served import PASSWORD, Served, refused, world

PROXY = {"proxies": ("127.0.0.1",)}


def tried(client: httpx.Client, name: str, password: str, address: str, cookie: str = "") -> httpx.Response:
    """A login as it comes from this address."""
    client.cookies.clear()
    headers = {"X-Forwarded-For": address} | ({"Cookie": f"ims_device={cookie}"} if cookie else {})
    return client.post("/login", json={"name": name, "password": password}, headers=headers)


@contextmanager
def flooded(served: Served, callers: int) -> Iterator[list[tuple[int, float]]]:
    """Guesses at ever other names from ever other addresses until it is left: each one's status and seconds."""
    ended, seen, begun = threading.Event(), list[tuple[int, float]](), threading.Semaphore(0)

    def flood(caller: int) -> None:
        with httpx.Client(base_url=f"{served.url}/api/v1", timeout=120, trust_env=False) as client:
            number = 0
            while not ended.is_set():
                number += 1
                began = time.perf_counter()
                address = f"10.{caller}.{number >> 8}.{number & 255}"
                status = tried(client, f"n{caller}.{number}", "a wrong password", address).status_code
                seen.append((status, time.perf_counter() - began))
                begun.release()

    with ThreadPoolExecutor(callers) as pool:
        running = [pool.submit(flood, caller) for caller in range(callers)]
        try:
            for _ in range(callers):
                assert begun.acquire(timeout=60)
            yield seen
        finally:
            ended.set()
    for each in running:
        each.result()


def test_a_flood_of_logins_delays_no_token_and_no_known_device(tmp_path: Path, one_store: Path) -> None:
    slow = PasswordHasher(time_cost=1, memory_cost=32 << 10, parallelism=1)
    with world(tmp_path, one_store, settings=_settings(), hasher=slow) as served:
        device = tried(served.as_(None), "viewer", PASSWORD, "10.99.0.1").cookies["ims_device"]
        asker = served.as_("viewer")
        with flooded(served, WAITING + 8) as seen:
            del seen[:]
            took = []
            for _ in range(20):
                began = time.perf_counter()
                assert asker.get("/me").status_code == 200
                took.append(time.perf_counter() - began)
            while {status for status, _ in seen} < {401, 503}:
                time.sleep(0.01)
            assert tried(served.as_(None), "viewer", PASSWORD, "10.99.0.1", device).is_success
        waited = [seconds for status, seconds in seen if status == 401]
        assert statistics.median(took) < statistics.median(waited) / 3
        assert {status for status, _ in seen} == {401, 503}


def test_guesses_from_everywhere_keep_no_known_device_out(tmp_path: Path, one_store: Path) -> None:
    with world(tmp_path, one_store, settings=_settings()) as served:
        anyone = served.as_(None)
        first = tried(anyone, "operator", PASSWORD, "10.0.0.1")
        device = first.cookies["ims_device"]
        assert "HttpOnly" in first.headers["set-cookie"] and "SameSite=strict" in first.headers["set-cookie"]
        assert "Path=/api/v1/login" in first.headers["set-cookie"]
        for number in range(login_backoff.FREE + 3):
            refused(tried(anyone, "operator", "a wrong password", f"10.0.1.{number}"), 401)
        refused(tried(anyone, "operator", PASSWORD, "10.0.2.1"), 401)  # a stranger waits, whatever he knows
        assert tried(anyone, "operator", PASSWORD, "10.0.3.1", device).is_success
        # It is of no use for another account, and it opens nothing by itself; guesses with it have to wait as well.
        refused(tried(anyone, "viewer", "a wrong password", "10.0.3.1", device), 401)
        for _ in range(login_backoff.FREE):
            refused(tried(anyone, "operator", "a wrong password", "10.0.3.1", device), 401)
        refused(tried(anyone, "operator", PASSWORD, "10.0.3.1", device), 401)


def test_a_known_device_is_not_throttled_with_its_address(tmp_path: Path, one_store: Path) -> None:
    with world(tmp_path, one_store, settings=_settings(), logins=RateLimit(0.001, 2.0)) as served:
        anyone = served.as_(None)
        device = tried(anyone, "analyst", PASSWORD, "10.0.0.1").cookies["ims_device"]
        refused(tried(anyone, "analyst", "a wrong password", "10.0.0.1"), 401)
        refused(tried(anyone, "analyst", PASSWORD, "10.0.0.1"), 429)
        assert tried(anyone, "analyst", PASSWORD, "10.0.0.1", device).is_success


def test_another_password_forgets_devices_and_forged_ones_are_none(tmp_path: Path, one_store: Path) -> None:
    with world(tmp_path, one_store, settings=_settings()) as served:
        accounts, anyone = served.world.accounts, served.as_(None)
        device = tried(anyone, "viewer", PASSWORD, "10.0.0.1").cookies["ims_device"]
        assert accounts.is_device("viewer", device) is not None
        assert accounts.is_device("VIEWER", device) == accounts.is_device("viewer", device)
        name, until, seal = device.split(".")
        for forged in (
            "",
            ".",
            "..",
            "a.b.c",
            f"{name}.{int(until) + 1}.{seal}",
            device[:-1],
            device + "x",
            "\ud800.1.x",
        ):
            assert accounts.is_device("viewer", forged) is None
        for other in ("analyst", "nobody", ""):
            assert accounts.is_device(other, device) is None
        served.world.clock.now += 181 * 86_400
        assert accounts.is_device("viewer", device) is None
        served.world.clock.now -= 181 * 86_400
        accounts.set_password("viewer", "another long password")
        assert accounts.is_device("viewer", device) is None


def _settings() -> dict[str, object]:
    from ims.portal.api.server import serve_settings

    return serve_settings(**PROXY)
