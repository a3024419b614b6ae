"""What an answer says about what a role isn't shown: by rule, so that it tells nothing of what is stored or watched.

Each sentence follows only from the role, its settings, the question and its time: an answer that lacks nothing gets the
same sentences as one that lacks much.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ims.portal.privacy.cells import metrics_of
from ims.portal.privacy.noise import Noise
from ims.portal.privacy.query_policy import TELLING, asked_of
from ims.portal.privacy.viewer_policy import unit_of
from ims.query.language.syntax_tree import Net, walk
from ims.query.request import Request
from ims.query.verbs import VERBS
from ims.settings.durations import written_duration

if TYPE_CHECKING:
    from ims.portal.auth.roles import Role
    from ims.portal.privacy.settings import SecrecySettings

HOLDS = "a payload that holds a monitored address"
OF_ANALYSTS = {
    "packets": f"{', '.join(n for n in TELLING if n != 'payload')} aren't shown to analysts; source, tcp_options and "
    f"signature are empty where they hold a monitored address, or are of {HOLDS} or can't be looked at",
    "payloads": f"of {HOLDS}, or that isn't stored, analysts are shown the counts alone",
    "storage": "stored_packets and stored_bytes aren't shown to analysts: how small files are depends on addresses",
    "coverage": "prefix isn't shown to analysts, and of policy the first word",
}
NO_SOURCES = "monitored addresses are left out of sources"


def omissions(role: Role, request: Request, settings: SecrecySettings, noise: Noise) -> tuple[str, ...]:
    """A line for each kind of thing that this role isn't shown. `request`: as the policy narrowed it; `noise`: of
    viewers' figures."""
    if role == "operator":
        return ()
    lines, asked = [], asked_of(request)
    if role == "viewer":
        lines += _of_viewers(asked, request, settings, noise)
    elif asked.verb in OF_ANALYSTS:
        lines.append(OF_ANALYSTS[asked.verb])
    elif asked.group == "signature" or asked.verb in ("chain", "sightings"):
        lines.append(f"the signature of {HOLDS}, or that can't be looked at, is shown to analysts as withheld")
    group = asked.group or ""
    by_source = asked.verb in ("sources", "chain") or (group.startswith("source") and group != "source_port")
    if by_source or any(isinstance(node, Net) for tree in asked.conditions for node in walk(tree)):
        lines.append(NO_SOURCES)
    return tuple(lines)


def _of_viewers(asked: Request, shown: Request, settings: SecrecySettings, noise: Noise) -> list[str]:
    lines, unit = [], unit_of(settings)
    if (asked.since, asked.until) != (shown.since, shown.until):
        delay = written_duration(round(settings.viewer_delay * 1e6))
        lines.append(
            f"viewers are shown whole bins of {written_duration(unit)} that are at least "
            f"{delay} old: here from {_moment(shown.since)} to {_moment(shown.until)}"
        )
    if "bin" in VERBS[asked.verb].by_name and asked.bin != shown.bin:
        lines.append(
            f"bins are {written_duration(shown.bin)} wide, not {written_duration(asked.bin)}: "
            "viewers are shown none narrower"
        )
    if asked.verb == "darknet":
        lines.append(
            "answering isn't shown to viewers; addresses are all that were watched at any time of "
            f"{written_duration(unit)}, with two digits"
        )
        return lines
    if asked.verb == "coverage":
        lines.append("prefix, policy and what was lost aren't shown to viewers, periods only in whole bins")
        return lines
    what = "destinations, first, last and what was lost aren't" if asked.verb == "count" else "what was lost isn't"
    return [*lines, *_noisy(shown, unit, noise), f"{what} shown to viewers"]


def _noisy(shown: Request, unit: int, noise: Noise) -> list[str]:
    """Of `count` for packets, of `cache` for payloads: other metrics have theirs in proportion."""
    metric = metrics_of(shown, unit)[0]
    lowest, deviation = noise.lowest(metric), noise.deviation_of(metric)
    if lowest <= 1:
        return []
    hidden = f"viewers are shown no {metric.replace('_', ' ')} of {written_duration(unit)} below {lowest:,}"
    lines = [f"{hidden}; what isn't shown may be less, or nothing, and counts as nothing"]
    if deviation:
        lines.append(f"those shown carry noise ({deviation:,.0f}, one standard deviation): see low and high, 95 %")
    return lines


def _moment(micros: int | None) -> str:
    return datetime.fromtimestamp((micros or 0) // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
