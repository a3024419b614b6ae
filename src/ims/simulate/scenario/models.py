"""The tables of a scenario's file, key by key; docs/simulate.md is made of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ims.darknet import BLOCK_NAME, Block
from ims.simulate.kernels.persona import PERSONAS
from ims.simulate.scenario.times import Duration, Moment
from ims.text import meant


def _shares(value: Any) -> Any:
    if isinstance(value, Mapping):
        for name, share in value.items():
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1e9:
                raise ValueError(f"{name!r} has the weight {share!r}; expected a number from 0 to 1e9")
        if not sum(value.values()) > 1e-9:
            raise ValueError("the weights are all 0")
    return value


def _personas(value: Any) -> Any:
    for name in value if isinstance(value, Mapping) else ():
        if name not in PERSONAS:
            raise ValueError(f"there is no persona {name!r}; {meant(name, PERSONAS, ', '.join(PERSONAS))}")
    return _shares(value)


Shares = Annotated[dict[str, float], BeforeValidator(_shares)]
Personas = Annotated[dict[str, float], BeforeValidator(_personas)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/,() -]{0,63}$")]
Rate = Annotated[float, Field(ge=1e-9, le=1e9)]
Weight = Annotated[float, Field(ge=1e-9, le=1e9)]
Count = Annotated[int, Field(ge=1, le=3_000_000_000)]


class Model(BaseModel):
    """Every table: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BlockModel(Model):
    """A monitored block: `[[block]]`."""

    name: str = Field(description="public name, such as `C/24`")
    prefix: str = Field(description="CIDR")
    network: str | None = Field(
        None,
        description="the network that the block lies in, where its neighbours live; the /16 around it if not given",
    )
    answers: bool = Field(True, description="whether its sensor answers, and so hears payloads of TCP")
    activity: float = Field(
        1.0, ge=1e-6, le=1e6,
        description="how much of the background it gets, per address, compared with others (Figure 2)",
    )  # fmt: skip

    @model_validator(mode="after")
    def _fits(self) -> BlockModel:
        if not BLOCK_NAME.fullmatch(self.name):
            raise ValueError(f"block name {self.name!r}: expected letters, digits, '.', '_', '-' or '/'")
        block = Block.parse(f"{self.name}={self.prefix}")
        if block.prefix.num_addresses > 1 << 24:
            raise ValueError(f"block {self.name}: {self.prefix} is larger than a /8")
        if self.network is not None:
            around = Block.parse(f"{self.name}={self.network}").prefix
            if not block.prefix.subnet_of(around):
                raise ValueError(f"block {self.name}: {self.prefix} isn't in its network {self.network}")
        return self


class ServiceModel(Model):
    """A port, and what is said to it: `[[worm.service]]` and so on."""

    port: str = Field(description="`tcp/445`, `udp/1434`, `icmp`; `tcp/*` and `udp/*`: each time another port")
    weight: Weight = Field(1.0, description="how often, compared with the other services")
    says: tuple[str, ...] = Field((), description="messages: a payload's name, `text:…`, `hex:…` or `made:NAME:LENGTH`")
    or_says: tuple[str, ...] = Field((), description="single messages that may come instead, each less often")
    speaks: Share = Field(1.0, description="share of connections in which anything is said")
    fresh: Share = Field(0.0, description="share of messages that are like no other: random octets")
    fresh_octets: str = Field("16-200", pattern=r"^\d{1,4}-\d{1,4}$", description="how long those are, 1 to 1460")
    fresh_after: str | None = Field(None, description="what those begin with, written like a message")
    source_port: int | None = Field(None, ge=0, le=65_535, description="a fixed one")
    salted: int = Field(0, ge=0, le=16, description="first octets that are random, such as a DNS query's number")
    repeats: int | None = Field(None, ge=0, le=5, description="SYNs after the first that goes unanswered")
    fragment: Literal["first", "later"] | None = Field(
        None, description="packets are fragments of which no other comes"
    )
    follow: ServiceModel | None = Field(None, description="the connection that comes next")
    after: Duration = Field(1.0, description="how long after the one before, at most twice that")


class PopulationModel(Model):
    """Somebody who sends."""

    name: Name = Field(description="of the event in the truth")
    since: Moment | None = Field(None, description="when it begins; the scenario's start if not given")
    until: Moment | None = Field(None, description="when it ends; the scenario's end if not given")
    blocks: tuple[str, ...] = Field((), description="names of the blocks that it reaches; all if not given")


class WormModel(PopulationModel):
    """Hosts that infect others: `[[worm]]`."""

    like: str | None = Field(None, description="a worm of the literature, whose other keys these are then by default")
    hosts: Count | None = Field(None, description="how many there are from the beginning")
    initial: float | None = Field(None, ge=1e-3, le=3e9, description="hosts at the outbreak (N0)")
    limit: float | None = Field(None, ge=1e-3, le=3e9, description="hosts that could be infected (K)")
    doubling: Duration | None = Field(None, description="time in which their number doubles at first")
    decline: Moment | None = Field(None, description="when growth ends and cleaning begins")
    half_life: Duration | None = Field(None, description="time in which cleaning halves their number")
    rest: Share = Field(0.0, description="share that is never cleaned")
    hours: Literal["never", "rest", "all"] = Field("never", description="who is switched off at night")
    always_on: Share = Field(0.2, description="share of those that isn't")
    hours_a_day: float = Field(10, ge=0.01, le=24, description="for which the others are on, on average")
    zones: Shares = Field(
        {"+9": 0.40, "+8": 0.22, "+1": 0.14, "-5": 0.12, "-3": 0.07, "-8": 0.05},
        description="time zones of the sources' networks, hours ahead of UTC, by weight",
    )
    runs_per_hour: Rate = Field(description="how often a host begins to scan somewhere, anywhere in IPv4")
    run_length: int = Field(1, ge=1, le=65_536, description="addresses that it goes through from there")
    run_gap: Annotated[Duration, Field(le=3600)] = Field(0.05, description="time between two of them, on average")
    targets: Shares = Field(
        {"any": 1.0}, description="where runs begin: `any`, `/8` and `/16` of the host's own, by weight"
    )
    service: tuple[ServiceModel, ...] = Field((), description="what a host does at an address, one of them by weight")
    personas: Personas = Field({"windows-xp": 7, "windows-2000": 3}, description="operating systems, by weight")
    apart: Duration | None = Field(None, description="period for which a host keeps to one service")
    pool: str | None = Field(None, description="populations of the same pool are the same hosts")

    @model_validator(mode="after")
    def _is_whole(self) -> WormModel:
        growing = (self.initial, self.limit, self.doubling)
        if (self.hosts is None) == (self.initial is None):
            raise ValueError("expected either hosts, or initial, limit and doubling")
        if self.hosts is None and None in growing:
            raise ValueError("initial, limit and doubling belong together")
        if self.hosts is not None and growing != (None, None, None):
            raise ValueError("hosts are there from the beginning: no initial, limit or doubling")
        if self.initial is not None and self.limit is not None and self.initial >= self.limit:
            raise ValueError(f"initial = {self.initial:g} isn't below limit = {self.limit:g}")
        if (self.decline is None) != (self.half_life is None):
            raise ValueError("decline and half_life belong together")
        if unknown := set(self.targets) - {"any", "/8", "/16"}:
            raise ValueError(f"targets are any, /8 and /16, not {sorted(unknown)[0]!r}")
        for zone in self.zones:
            if zone not in [f"{hours:+d}" for hours in range(-11, 13)]:
                raise ValueError(f"time zone {zone!r}: expected -11 to +12")
        if not self.service:
            raise ValueError("no service; expected at least one, or like")
        return self


class ScannerModel(PopulationModel):
    """Sources that look for services: `[[scanner]]`."""

    sources: int = Field(1, ge=1, le=100_000, description="how many")
    order: Literal["random", "sequential", "permutation", "shared-permutation"] = Field(
        "random", description="in which they go through the addresses"
    )
    tool: Personas = Field(
        {"linux": 1}, description="personas, by weight: operating systems, or zmap, masscan, mirai, nmap"
    )
    rate: Rate = Field(description="probes a second that each sends, wherever they go")
    range: str | None = Field(None, description="prefix that a sequential one goes through; all of IPv4 if not given")
    start: Literal["anywhere", "first"] = Field("anywhere", description="where in the range a sequential one begins")
    service: tuple[ServiceModel, ...] = Field(min_length=1, description="what is asked for")

    @model_validator(mode="after")
    def _is_whole(self) -> ScannerModel:
        if self.range is not None:
            try:
                ipaddress.IPv4Network(self.range)
            except ValueError as error:
                raise ValueError(f"range {self.range!r}: expected a prefix such as 172.16.0.0/12 ({error})") from None
            if self.order != "sequential":
                raise ValueError("only a sequential scanner has a range")
        return self


class AttackModel(PopulationModel):
    """A flood with spoofed sources, of which we see the answers: `[[attack]]`."""

    victim: str | None = Field(None, description="address; drawn if not given")
    count: int = Field(1, ge=1, le=10_000, description="how many attacks, each on a victim of its own")
    port: int = Field(80, ge=0, le=65_535, description="the attacked TCP port")
    rate: Rate = Field(description="packets a second that a victim answers")
    duration: Duration | None = Field(None, description="how long; from `since` to `until` if not given")
    answers: Shares = Field(
        {"syn-ack": 0.7, "reset": 0.25, "unreachable": 0.05}, description="kinds of answers, by weight"
    )
    repeats: int = Field(0, ge=0, le=5, description="SYN-ACKs after the first")
    persona: str = Field("linux", description="the victim's operating system")

    @model_validator(mode="after")
    def _is_whole(self) -> AttackModel:
        if self.persona not in PERSONAS:
            raise ValueError(f"there is no persona {self.persona!r}; there are {', '.join(PERSONAS)}")
        if unknown := set(self.answers) - {"syn-ack", "reset", "unreachable"}:
            raise ValueError(f"answers are syn-ack, reset and unreachable, not {sorted(unknown)[0]!r}")
        if self.victim is not None:
            try:
                ipaddress.IPv4Address(self.victim)
            except ValueError:
                raise ValueError(f"victim {self.victim!r}: expected an address such as 192.0.2.80") from None
            if self.count > 1:
                raise ValueError("one victim and several attacks: give each an [[attack]] of its own")
        return self


class MisconfigurationModel(PopulationModel):
    """One destination, many packets: `[[misconfiguration]]`."""

    sources: int = Field(1, ge=1, le=10_000, description="how many send to it")
    block: str = Field(description="name of the block that the destination is in")
    destination: int = Field(0, ge=0, description="which of the block's addresses, from 0")
    interval: Duration = Field(description="between two packets of a source")
    jitter: Share = Field(0.1, description="of the interval, by which a packet may be late")
    service: ServiceModel = Field(description="what is sent")
    personas: Personas = Field({"windows-7": 1, "linux": 1}, description="operating systems, by weight")


class BackgroundModel(PopulationModel):
    """Everything else: `[[background]]`."""

    sources: Count = Field(description="how many hosts there are")
    packets_per_24: Rate = Field(description="conversations a day to each /24 of activity 1")
    ports: Shares = Field({}, description="well-known services, such as `tcp/445`, by weight")
    tail: float = Field(0.2, ge=0, le=1e6, description="weight of all other ports together, one over their rank")
    tail_ports: int = Field(1000, ge=1, le=20_000, description="how many those are")
    speaks: Share = Field(0.5, description="share of answered TCP connections in which anything is said")
    hit_rate: Share = Field(0.96, description="share of payloads that came before on their day (Figure 8)")
    personas: Personas = Field(
        {"windows-xp": 5, "windows-2000": 2, "windows-7": 1, "linux": 1, "linux-2.4": 1, "macos": 0.3, "freebsd": 0.2},
        description="operating systems, by weight",
    )
