"""What a query daemon counts, as Prometheus's own parser reads it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ims.link.contract import NEWEST, OLDEST, Ask, Hello, Live
from ims.query.question import Question
from ims.query.request import make_request
from ims.queryd.metrics import OUTCOMES, REASONS, QuerydMetrics
from ims.queryd.news import LEFT_OUT
from ims.queryd.thread_queue import ThreadQueue

from .waiting import DEADLINE, soon, until

NOW = 1_772_582_400.0
WATCHING = Live(state="watching", watches=True, stores=True, last_packet=NOW)


def asked(*verbs: Any) -> Ask:
    return Ask(version=2, questions=tuple(Question(plan=verb, request=make_request(verb, None)) for verb in verbs))


def hello(**words: Any) -> Hello:
    return Hello(oldest=OLDEST, newest=NEWEST, program="test", now=NOW, **words)


def read(metrics: QuerydMetrics) -> dict[tuple[str, ...], float]:
    """Values by name, without `ims_queryd_`, and labels."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    samples = [sample for family in families for sample in family.samples]
    return {(each.name.removeprefix("ims_queryd_"), *each.labels.values()): each.value for each in samples}


def watched(said: Hello) -> dict[tuple[str, ...], float]:
    metrics = QuerydMetrics()
    metrics.watch(ThreadQueue(2, 16, 64), 3, lambda: 4, lambda: said)
    return read(metrics)


def test_a_question_counts_once_with_what_goes_along_by_its_verb_and_end() -> None:
    metrics = QuerydMetrics()
    for outcome in OUTCOMES:
        metrics.asked(asked("count", "coverage"), outcome, 0.02, 100)
    metrics.asked(asked("series"), "an outcome that nobody knows", 7.0, 5)
    found = read(metrics)
    ends = {key[1:]: value for key, value in found.items() if key[0] == "questions_total"}
    assert ends == {**{(outcome, "count"): 1 for outcome in OUTCOMES}, ("failed", "series"): 1}
    assert found["question_seconds_count",] == len(OUTCOMES) + 1
    assert found["question_seconds_sum",] == pytest.approx(7.0 + 0.02 * len(OUTCOMES))
    assert found["sent_bytes_total",] == 100 * len(OUTCOMES) + 5


def test_what_never_happened_is_told_as_zero() -> None:
    """A rate over a counter that isn't there yet would miss its first increase."""
    found = read(QuerydMetrics())
    assert {key: found[key] for key in found if key[0] in ("refused_total", "live_left_out_total")} == {
        **{("refused_total", reason): 0 for reason in REASONS},
        **{("live_left_out_total", part): 0 for part in LEFT_OUT},
    }
    assert found["cut_off_total",] == found["sent_bytes_total",] == 0


def test_threads_count_all_that_they_turn_away() -> None:
    metrics = QuerydMetrics()
    with ThreadPoolExecutor(8) as pool:
        for number in range(400):
            pool.submit(metrics.refused, REASONS[number % 4])
            pool.submit(metrics.cut)
            pool.submit(metrics.left_out, "ports")
    found = read(metrics)
    assert [found["refused_total", reason] for reason in REASONS] == [100] * 4 + [0] * 2
    assert found["cut_off_total",] == found["live_left_out_total", "ports"] == 400


def test_what_runs_and_waits_is_looked_at_when_it_is_scraped() -> None:
    metrics, turns, release, running = QuerydMetrics(), ThreadQueue(1, 16, 64), threading.Event(), threading.Event()
    metrics.watch(turns, 2, lambda: 5, hello)

    def have_a_turn() -> None:
        with turns.turn("a", time.monotonic() + DEADLINE, lambda: False):
            running.set()
            soon(release)

    with ThreadPoolExecutor(2) as pool:
        try:
            pool.submit(have_a_turn)
            soon(running)
            pool.submit(have_a_turn)
            until(lambda: turns.waiting)
            found = read(metrics)
        finally:
            release.set()
    assert [found[name,] for name in ("slots", "running", "waiting", "listeners")] == [2, 1, 1, 5]
    after = read(metrics)
    assert after["running",] == after["waiting",] == 0


def test_a_certificate_s_end_is_told_where_there_is_one_and_a_problem_where_it_is() -> None:
    name = "certificate_expiry_timestamp_seconds"
    assert watched(hello(expires=NOW, problem="the store can't be read"))[name,] == NOW
    found = watched(hello())
    assert (name,) not in found
    assert (found["problem",], watched(hello(problem="x"))["problem",]) == (0, 1)


def test_sensors_are_told_but_not_names_of_before_beside_one_that_watches() -> None:
    died, stopped, captures = Live(state="died", last_packet=NOW - 9), Live(state="stopped"), Live(state="none")
    live = {"a": WATCHING, "b": died, "old": stopped, "captures": captures}
    found = watched(hello(live=live))
    assert {key: value for key, value in found.items() if key[0].startswith("sensor_")} == {
        ("sensor_watching", "a"): 1, ("sensor_storing", "a"): 1, ("sensor_last_packet_timestamp_seconds", "a"): NOW,
        ("sensor_watching", "b"): 0, ("sensor_storing", "b"): 0,
        ("sensor_last_packet_timestamp_seconds", "b"): NOW - 9,
    }  # fmt: skip
    del live["a"]  # where none watches, none is hidden: an alarm needs it
    assert {key[1] for key in watched(hello(live=live)) if key[0] == "sensor_watching"} == {"b", "old", "captures"}
