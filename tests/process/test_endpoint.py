"""An address and a port are tried before they are used, and what can't be had is said with its cause."""

from __future__ import annotations

import errno
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ims.process.endpoint import endpoint_error, holder_of, listening_socket, refuse_endpoint

from ..free_port import free_port


@pytest.fixture
def port() -> int:
    """One at which nobody listens."""
    return free_port()


def test_trying_leaves_no_address_in_use(port: int) -> None:
    assert [endpoint_error(f"127.0.0.1:{port}") for _ in range(2)] == [0, 0]


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_trying_is_not_in_the_way_of_others_who_try_nor_of_a_daemon_that_starts(address: str, port: int) -> None:
    def tried(_: int) -> set[int]:
        return {endpoint_error(f"{address}:{port}") for _ in range(500)}

    with ThreadPoolExecutor(4) as threads:
        assert set.union(*threads.map(tried, range(3))) == {0}
        trying = threads.map(tried, range(3))
        for _ in range(100):
            with listening_socket("listen", f"{address}:{port}"):
                assert endpoint_error(f"{address}:{port}") == errno.EADDRINUSE
        assert set.union(*trying) <= {0, errno.EADDRINUSE}


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_who_listens_there_is_found_and_named(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        mine = (os.getpid(), Path("/proc/self/comm").read_text().strip())
        assert holder_of(host, port) == mine
        assert holder_of({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port) == mine
        written = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        with pytest.raises(OSError, match=r"listen = .*already in use, by process") as said:
            listening_socket("listen", written)
        assert f"by process {mine[0]} ({mine[1]})" in str(said.value)
    assert holder_of(host, port) is None
    assert endpoint_error(written) == 0


def test_of_two_addresses_at_one_port_the_holder_is_the_own_one(port: int) -> None:
    with socket.create_server(("127.0.0.2", port)):
        assert holder_of("127.0.0.1", port) is None
        assert holder_of("127.0.0.2", port) is not None
        assert holder_of("0.0.0.0", port) is not None
        assert endpoint_error(f"127.0.0.1:{port}") == 0


def test_a_connection_is_no_listener(port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as caller:
        caller.bind(("127.0.0.1", port))
        caller.connect(server.getsockname())
        assert holder_of("127.0.0.1", port) is None


@pytest.mark.parametrize(
    ("error", "endpoint", "said"),
    [
        (errno.EADDRNOTAVAIL, "192.0.2.1:9000", "no interface of this machine has 192.0.2.1"),
        (errno.EMFILE, "127.0.0.1:9000", "too many open files$"),
    ],
)
def test_the_cause_is_said_with_the_setting_and_the_address(error: int, endpoint: str, said: str) -> None:
    with pytest.raises(OSError, match=f"^metrics = '{endpoint}': can't listen there: .*{said}"):
        refuse_endpoint("metrics", endpoint, error)
    refuse_endpoint("metrics", endpoint, 0)
