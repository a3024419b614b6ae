#!/usr/bin/env bash
# vl-convert-python 1.9.0.post1 holds Python's global lock (GIL) for the whole of a conversion, seconds for a large chart: no other thread of the
# process runs meanwhile. A thread that counts, beside the conversion of a chart of 50,000 points, stands still for nearly all of it, and counts a few
# hundredths at most of what it does while the converting thread sleeps for as long. So a server that draws in a thread, in order to answer
# others meanwhile, answers nobody until the picture is done: large pictures are for another process. (Python lets other threads in for some
# milliseconds before the conversion proper.)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check vl-convert-python==1.9.0.post1
env/bin/python - <<'PY'
import json
import sys
import threading
import time
from importlib.metadata import version

import vl_convert

AXIS = {"type": "quantitative"}
CHART = {
    "data": {"values": [{"x": n, "y": n * 7919 % 1000} for n in range(50000)]},
    "mark": "point",
    "encoding": {"x": {"field": "x", **AXIS}, "y": {"field": "y", **AXIS}},
}
chart = json.dumps(CHART)
counted, stops, ended = 0, [], False


def count():
    """Numbers, and the standstills of a hundredth of a second or more: when each began and ended."""
    global counted
    last = time.perf_counter()
    while not ended:
        counted += 1
        now = time.perf_counter()
        if now - last > 0.01:
            stops.append((last, now))
        last = now


def beside(action, *words):
    """The action's seconds, what is counted meanwhile in a second, and the part of its time that the longest standstill takes."""
    before, begin = counted, time.perf_counter()
    action(*words)
    end, more = time.perf_counter(), counted - before
    time.sleep(0.1)  # a standstill is known when it is over
    longest = max((min(last, end) - max(first, begin) for first, last in stops), default=0)
    return end - begin, more / (end - begin), max(longest, 0) / (end - begin)


vl_convert.vegalite_to_svg({**CHART, "data": {"values": []}})  # its JavaScript is loaded
counting = threading.Thread(target=count)
counting.start()
print("vl-convert-python", version("vl-convert-python"))
changed = False
for convert in (vl_convert.vegalite_to_vega, vl_convert.vegalite_to_svg, vl_convert.vegalite_to_png):
    took, speed, still = beside(convert, chart)
    _, free, idle = beside(time.sleep, took)
    same = speed < free / 5 and still > 0.6 and idle < 0.4
    changed |= not same
    print(f"{'seen' if same else 'changed'}: {convert.__name__}, {took:.1f} s: counts {speed / free:.1%} of what it does beside a sleep,", end=" ")
    print(f"stands still for {still:.0%} of it (beside a sleep for {idle:.0%})")
ended = True
counting.join()
sys.exit(changed)
PY
