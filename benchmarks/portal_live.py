"""From a packet's arrival at a live sensor to the operator's event at the portal: real processes, in namespaces.

Each datagram has a payload of its own, and comes at another moment of the sensor's and the daemon's rounds.
"""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path

from benchmarks.table import verdict

SEND = (
    "import socket, time; print(time.time()); socket.socket(2, 2).sendto(b'datagram {0} of 100', ('198.51.100.9', 53))"
)


def measure(folder: Path, datagrams: int) -> list[list[str]]:
    """Rows of the portal's table."""
    from tests.portal.deployment import Deployment
    from tests.portal.test_networks import events
    from tests.sensor.lab import Lab

    from ims.simulate.namespaces import MACHINE

    sent: dict[str, float] = {}
    came: dict[str, float] = {}
    stop, ready, all_came = threading.Event(), threading.Event(), threading.Event()
    with Lab(via=MACHINE) as lab:
        sensor = lab.sensor()
        sensor.wait_for("watching")
        deployment = Deployment(folder / "live", {"a": sensor.store}, blocks={"a": [("C/24", "198.51.100.0/24")]})

        def listen() -> None:
            for kind, data in events(deployment, "operator", stop, ready):
                if kind == "payload":
                    came.setdefault(data["text"], time.time())
                    if len(came) >= datagrams:
                        all_came.set()

        try:
            deployment.start()
            listening = threading.Thread(target=listen)
            listening.start()
            if not ready.wait(60):
                raise RuntimeError("the portal told nobody of its sensor")
            time.sleep(5)  # what was there before isn't told
            for number in range(datagrams):
                done = lab.run("python3", "-c", SEND.format(number))
                sent[f"datagram {number} of 100"] = float(done.stdout)
                time.sleep(0.37)  # not in step with anything
            if not all_came.wait(30):
                raise RuntimeError(f"told of {len(came)} of {datagrams} datagrams")
        finally:
            stop.set()
            lab.run("python3", "-c", SEND.format("no more"))  # or the listener waits for another event
            deployment.stop()
        listening.join(60)
    took = sorted(came[text] - when for text, when in sent.items())
    return [
        verdict(
            f"arrival to the operator's event, {datagrams} datagrams: median", statistics.median(took), "<=", 3, " s"
        ),
        verdict("arrival to the operator's event: slowest", took[-1], "<=", 3, " s"),
    ]
