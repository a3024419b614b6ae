"""A live sensor: opens sockets, gives up its privileges, starts workers and the store thread, and ends in order.

    rings ──► workers (answer, decode, sign) ──► keeper (store)

`open` does everything that needs root, and finds what is wrong; from `run` on the process has no privileges.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute  # needed to write parts: imported while Python's own files can be read
import structlog

from ims import kernels
from ims.capture.afpacket import BLOCK, Ring, interface, is_up
from ims.capture.bpf import program
from ims.capture.ring_walk import Aside
from ims.capture.transmit import Outgoing
from ims.cause import cause
from ims.darknet import Darknet
from ims.decode.recent_syns import LIVE_BITS
from ims.exposition import serve_metrics
from ims.process.privileges import become, prepare_store, user_to_become
from ims.process.service_manager import tell_systemd
from ims.process.start_checks import refuse
from ims.respond.cookie import Clock
from ims.respond.limit import limits
from ims.respond.policy import never_answered, policies
from ims.respond.reply import COUNTERS as REPLY_COUNTERS
from ims.respond.reply import Rules
from ims.respond.segment import MSS
from ims.sensor.config import SensorConfig, checked
from ims.sensor.coverage import CoverageLog
from ims.sensor.heartbeat import Heartbeats
from ims.sensor.metrics import registry_of
from ims.sensor.pipeline import Pipeline, Room, Shared
from ims.sensor.reload import taken_up, waiting
from ims.sensor.replay import NoWire, ReplayRing
from ims.sensor.sensor_checks import no_capability, reload_checks, sensor_checks
from ims.sensor.state import State
from ims.sensor.store_thread import StoreThread
from ims.sensor.warm_up import load_stage_kernels
from ims.sensor.worker import Setup, Worker, load_reply_kernels
from ims.sign.cache import Cache
from ims.unwrap import unwrap_of

log = structlog.get_logger()

ROWS = 1 << 15
"""Rows of a live batch: a sixteenth of a second at half a million packets a second."""
KEPT_OCTETS = 16 << 20
"""Payloads and raw frames of a live batch."""
LOOK_SECONDS = 0.25
RECENT = 4096
"""Packets of a worker among which the commonest ports are found."""


class Sensor:
    """`open` it, `run` it, in one thread. `stop` and `reload` may be called from signal handlers."""

    def __init__(
        self, config: SensorConfig, replay: str | None = None, speed: float = 1.0, file: Path | None = None
    ) -> None:
        """`file`: where the settings are, if they are to be read again."""
        self._file = file
        self.config, self._replay, self._speed = config, replay, speed
        self._stop, self._reload = threading.Event(), threading.Event()
        self.workers: list[Worker] = []
        self._rings: list[Ring | ReplayRing] = []
        self._wires: list[Outgoing | NoWire] = []
        self.keeper: StoreThread | None = None
        self.kernel_lost = 0
        self._up: dict[str, bool] = {}
        self._end_metrics: Callable[[], None] | None = None
        self._heartbeats: Heartbeats | None = None
        self.began = time.monotonic()

    def open(self) -> None:
        """Open everything, and become an unprivileged user. Raises ValueError for wrong settings and without the right
        to open packet sockets; OSError."""
        config = self.config
        refuse(sensor_checks(config, self._file, self._replay is not None))
        darknet = config.darknet()
        user = None
        try:
            if self._replay is not None:
                self._rings = [ReplayRing(self._replay, self._speed, self._stop.is_set)]
                self._wires = [NoWire()]
            else:
                self._open_interfaces(darknet)
                user = user_to_become(config.user)
                prepare_store(config.store, user)
                if user is None:
                    become(None, stay_root=os.geteuid() == 0)
            secret, self._limits = secrets.token_bytes(32), self._new_limits()
            clocks = [Clock(secret, config.data_limit) for _ in self._rings]
            setups = [self._setup(darknet, clock) for clock in clocks]
            load_stage_kernels()
            if self._wires:
                load_reply_kernels(setups[0], self._rings[0].aside, self._wires[0].slots)
            if user is not None:
                become(user)  # not before: the compiled kernels are in root's cache
                kernels.forget_cache()
            give_memory_back()
            self._open_store(darknet, clocks, setups)
            self._heartbeats = Heartbeats(config.store, config.name, self.state, self._replay is not None)
            if config.metrics is not None:
                self._end_metrics = serve_metrics(config.metrics, registry_of(self.state))
        except BaseException:
            self._close()
            raise

    def _open_interfaces(self, darknet: Darknet) -> None:
        config = self.config
        devices = [interface(name) for name in config.interfaces]
        try:
            for device in devices:
                for _ in range(config.workers):
                    fanout = None if config.workers == 1 else (os.getpid() + device.number) & 0xFFFF
                    code = self._program(darknet, device.has_link_header)
                    self._rings.append(Ring(device, config.ring // BLOCK, code, fanout, config.promiscuous))
                    if config.respond:
                        self._wires.append(Outgoing(device))
        except PermissionError as error:
            raise ValueError(no_capability(error)) from None

    def _program(self, darknet: Darknet, link_header: bool) -> list[tuple[int, int, int, int]]:
        ranges = [(int(b.prefix.network_address), int(b.prefix.broadcast_address)) for b in darknet.blocks]
        return program(ranges, link_header, self.config.arp and self.config.respond, self.config.unwrap)

    def _open_store(self, darknet: Darknet, clocks: list[Clock], setups: list[Setup]) -> None:
        config = self.config
        steady = None if self._replay is not None else lambda: time.monotonic_ns() // 1000
        self._watched = CoverageLog(darknet, config.policies(), self._now_us, steady)
        self.keeper = keeper = StoreThread(config, self._watched, self._lost, self._now_us)
        shared = Shared(Cache(config.cache_signatures, keeper.key), keeper.payloads_of, threading.Lock())
        unwrap = unwrap_of(config.unwrap)
        for number, ring in enumerate(self._rings):
            device = ring.device if isinstance(ring, Ring) else None

            def pipeline(respond: Any, budget: int = config.payload_budget // len(self._rings)) -> Pipeline:
                return Pipeline(
                    None, darknet, unwrap, 0, budget, keeper.checkpoint_now, keeper.deliver,
                    respond if config.respond else None, ROWS, shared, KEPT_OCTETS,
                    Room(lambda: keeper.reserve(wait=self._replay is not None), keeper.refuse), LIVE_BITS,
                )  # fmt: skip

            name = f"{device.name if device else 'replay'}-{number}"
            wire = self._wires[number] if config.respond else None
            self.workers.append(Worker(
                name, ring, wire, pipeline, setups[number], clocks[number], device.mac if device else bytes(6),
                keeper.lose_payloads, lambda: keeper.payloads_wanted,
            ))  # fmt: skip

    def _new_limits(self) -> Any:
        return limits(self.config.reply_limit, self.config.global_limit, secrets.token_bytes(16))

    def _setup(self, darknet: Darknet, clock: Clock, counted: Mapping[str, Mapping[str, int]] | None = None) -> Setup:
        config = self.config
        if not config.respond:
            return Setup(darknet, None, False)
        echoing = [block.name for block in config.block if block.echo]
        tables = policies(darknet, {block.name: block.policy for block in config.block}, echoing)
        mtu = min((ring.device.mtu for ring in self._rings if isinstance(ring, Ring)), default=1500)
        settings = np.array([config.data_limit, min(MSS, mtu - 40)], np.int64)
        counters = np.zeros((len(darknet.names), len(REPLY_COUNTERS)), np.int64)
        for number, name in enumerate(darknet.names):
            counters[number] = list((counted or {}).get(name, {}).values()) or 0
        never = never_answered(darknet, config.private_sources, config.excluded())
        return Setup(darknet, Rules(clock.cookies, self._limits, tables, never, settings, counters), config.arp)

    def _now_us(self) -> int:
        if self._replay is not None:
            ring = self._rings[0]
            assert isinstance(ring, ReplayRing)
            return max(self._newest_us() + 1, ring.first_us)
        return time.time_ns() // 1000

    def _newest_us(self) -> int:
        return max((worker.pipeline.newest_us for worker in self.workers), default=0)

    def _lost(self) -> int:
        """Packets that the kernel lost since the last call."""
        lost = sum(ring.statistics()[1] for ring in self._rings)
        self.kernel_lost += lost
        return lost

    def state(self) -> State:
        """The present state; may be called from any thread."""
        keeper, workers = self.keeper, self.workers
        assert keeper is not None
        state = State(
            lost_in_ring=self.kernel_lost, not_stored=keeper.not_stored, stored=keeper.stored,
            lag_seconds=keeper.lag_seconds, checkpoints=keeper.checkpoints, store_failing=keeper.trouble,
            payloads_wanted=keeper.payloads_wanted, newest_us=self._newest_us(), interfaces=dict(self._up),
            free_bytes=keeper.free_bytes, keep_free_bytes=self.config.keep_free,
        )  # fmt: skip
        ports = Counter[int]()
        for worker in workers:
            pipeline = worker.pipeline
            state.frames += worker.frames
            state.books.update(pipeline.counters)
            state.packets.update(pipeline.by_block)
            for block, counted in worker.replied().items():
                state.replied.setdefault(block, Counter()).update(counted)
            state.payloads += pipeline.kept.payloads
            state.new_payloads += pipeline.kept.new_payloads
            state.payloads_lost += pipeline.kept.lost
            state.newest_payload = pipeline.kept.newest or state.newest_payload
            ring = worker.ring
            state.ring_fill[worker.name] = ring.waiting() / ring.blocks if isinstance(ring, Ring) else 0.0
            if worker.send_failure is not None:
                state.send_failing[worker.name] = worker.send_failure
            ports.update(pipeline.recent("destination_port")[-RECENT:].tolist())
        state.ports = ports.most_common(5)
        return state

    @property
    def replayed(self) -> tuple[bool, list[str]]:
        """(whether all of the replayed capture could be read, what is wrong with it)"""
        rings = [ring for ring in self._rings if isinstance(ring, ReplayRing)]
        return all(ring.complete for ring in rings), [warning for ring in rings for warning in ring.warnings]

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    def reload(self) -> None:
        """Read blocks and policies from the configuration again."""
        self._reload.set()

    def run(
        self, read_config: Callable[[], SensorConfig] | None = None, look: Callable[[], None] | None = None
    ) -> None:
        """Take packets until `stop`, or to the end of a replayed capture; `look` is called a few times a second. Raises
        RuntimeError where a thread ended by itself; what was taken before is stored."""
        assert self.keeper is not None
        self.keeper.start()
        for worker in self.workers:
            worker.start()
        tell_systemd("READY=1")
        config = self.config
        log.info("watching", sensor=config.name, blocks=len(config.block), interfaces=list(config.interfaces))
        try:
            self._look_at_interfaces()
            if self._heartbeats is not None:
                self._heartbeats.start()
            while not self._stop.wait(LOOK_SECONDS):
                if self._reload.is_set() and read_config is not None:
                    self._reload.clear()
                    self._read_again(read_config)
                if look is not None:
                    look()
                self._look_at_interfaces()
                finished = all(isinstance(ring, ReplayRing) and ring.finished for ring in self._rings)
                if finished or self._failure() is not None:
                    break
        finally:
            tell_systemd("STOPPING=1")
            self._end()
        failure = self._failure()
        if failure is not None:
            raise RuntimeError(f"{failure[0]} ended: {failure[1]!r}") from failure[1]

    def _failure(self) -> tuple[str, BaseException] | None:
        """Which thread ended by itself, and why."""
        threads = [(f"worker {worker.name}", worker.failure) for worker in self.workers]
        threads += [("the store thread", self.keeper.failure if self.keeper is not None else None)]
        threads += [("the heartbeat", self._heartbeats.failure if self._heartbeats is not None else None)]
        return next(((name, failure) for name, failure in threads if failure is not None), None)

    def _look_at_interfaces(self) -> None:
        """Log when one goes down or up. Raises RuntimeError where one is gone: its sockets won't come back."""
        if self._replay is not None:
            return
        for name in self.config.interfaces:
            up = is_up(name)
            if up is None:
                raise RuntimeError(f"interface {name} is gone")
            if up != self._up.get(name, True):
                log.warning(f"{name} is up again" if up else f"{name} is down", interface=name)
            self._up[name] = up

    def _read_again(self, read_config: Callable[[], SensorConfig]) -> None:
        try:
            config = read_config()
            refuse(reload_checks(config, self._replay is not None))
            darknet = config.darknet()
            for setting, now, read in waiting(self.config, config):
                log.warning("needs a restart", setting=setting, now=now, read=read)
            self.config = config = taken_up(self.config, config)
            setups = [self._setup(darknet, worker.clock, worker.replied()) for worker in self.workers]
        except (ValueError, OSError) as error:
            log.error("the configuration stays as it was", reason=cause(error))
            return
        for ring in self._rings:
            if isinstance(ring, Ring):
                ring.filter(self._program(darknet, ring.device.has_link_header))
        for worker, setup in zip(self.workers, setups, strict=True):
            worker.change(setup)
        assert self.keeper is not None
        self.keeper.change(darknet, config.policies())
        log.info("the configuration was read again", blocks=len(config.block))

    def _end(self) -> None:
        for worker in self.workers:
            worker.stopping.set()
        for worker in self.workers:
            worker.join()
        if self.keeper is not None:
            self.keeper.stop()
        if self._heartbeats is not None:
            self._heartbeats.stop(in_order=self._failure() is None)
        self._close()

    def _close(self) -> None:
        if self._end_metrics is not None:
            self._end_metrics()
            self._end_metrics = None
        for thing in (*self._rings, *self._wires):
            thing.close()


def give_memory_back() -> None:
    """Have the allocators return memory that loading, or compiling, kernels freed (up to 180 MB)."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(AttributeError):  # another libc than GNU's
        ctypes.CDLL(None).malloc_trim(0)


def load_answering_kernels() -> None:
    """Compile the kernels that answer without an interface, so that a later sensor finds them in the cache."""
    block = {"name": "all", "prefix": "0.0.0.0/0"}
    config = checked({"name": "warm", "store": "unused", "interfaces": ["none"], "block": [block]})
    sensor = Sensor(config, replay="none")
    sensor._limits = sensor._new_limits()
    setup = sensor._setup(config.darknet(), Clock(bytes(32), config.data_limit))
    load_reply_kernels(setup, Aside(np.zeros(1, np.uint32), np.zeros(1, np.uint8)), NoWire().slots)
