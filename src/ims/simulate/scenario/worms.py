"""Worms of the literature: how they choose targets, and what they send to which port. Payloads are text of the same
length.

* blaster: 60 % begin anywhere, 40 % in the own /16, then in sequence; 135/TCP, then a command on 4444/TCP (paper,
  section 3.2; CERT CA-2003-20)
* code-red-ii: 1/8 anywhere, 4/8 in the own /8, 3/8 in the own /16; 80/TCP (eEye AL20010804; Staniford et al. 2002, 2.2)
* nimda: 1/4 anywhere, 1/4 in the own /8, 1/2 in the own /16; 80/TCP (CERT CA-2001-26)
* slammer: anywhere, one packet of 376 octets to 1434/UDP (Moore et al., IEEE Security & Privacy 1(4), 2003)
* witty: anywhere, one packet from 4000/UDP to any port, 768 to 1,279 octets, of which 637 are always the same (Shannon
  and Moore, 2004)
* sasser: 1/2 anywhere, 1/4 in the own /8, 1/4 in the own /16; 445/TCP, then a command on 9996/TCP (Symantec,
  W32.Sasser.Worm, 2004)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ims.text import meant

WINDOWS = {"windows-xp": 6, "windows-2000": 4}

WORMS: dict[str, dict[str, Any]] = {
    "blaster": {
        "targets": {"any": 0.6, "/16": 0.4}, "run_length": 20, "run_gap": "90ms", "personas": WINDOWS,
        "service": [{
            "port": "tcp/135", "says": ["made:blaster bind:72", "made:blaster request:1704"], "repeats": 0,
            "follow": {"port": "tcp/4444", "says": ["made:blaster command:42"], "after": "400ms", "repeats": 0},
        }],
    },
    "code-red-ii": {
        "targets": {"any": 1, "/8": 4, "/16": 3}, "personas": {"windows-2000": 1},
        "service": [{"port": "tcp/80", "says": ["made:code red ii request:3818"]}],
    },
    "nimda": {
        "targets": {"any": 1, "/8": 1, "/16": 2}, "personas": {"windows-2000": 1},
        "service": [{
            "port": "tcp/80", "says": ["made:nimda request 1:97"],
            "or_says": [f"made:nimda request {number}:{70 + 3 * number}" for number in range(2, 17)],
        }],
    },
    "slammer": {
        "targets": {"any": 1}, "personas": {"windows-2000": 1},
        "service": [{"port": "udp/1434", "says": ["slammer"]}],
    },
    "witty": {
        "targets": {"any": 1}, "personas": WINDOWS,
        "service": [{
            "port": "udp/*", "source_port": 4000,
            "fresh": 1.0, "fresh_octets": "768-1279", "fresh_after": "made:witty:637",
        }],
    },
    "sasser": {
        "targets": {"any": 0.5, "/8": 0.25, "/16": 0.25}, "personas": WINDOWS,
        "service": [{
            "port": "tcp/445", "says": ["made:sasser negotiation:137", "made:sasser request:3100"],
            "follow": {"port": "tcp/9996", "says": ["made:sasser command:150"], "after": "800ms"},
        }],
    },
}  # fmt: skip


def with_likenesses(data: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario's data, where a worm that is `like` another takes from that one the keys that it lacks. Raises
    ValueError where there is no such worm."""
    worms = data.get("worm")
    if not isinstance(worms, list):
        return dict(data)
    whole = []
    for worm in worms:
        like = worm.get("like") if isinstance(worm, Mapping) else None
        if like is not None and (not isinstance(like, str) or like not in WORMS):
            hint = meant(like, WORMS, f"there are {', '.join(WORMS)}")
            raise ValueError(f"there is no worm {like!r} to be like; {hint}")
        whole.append({**WORMS[like], **worm} if isinstance(like, str) else worm)
    return {**data, "worm": whole}
