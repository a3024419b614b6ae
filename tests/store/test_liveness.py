"""What readers make of a heartbeat: a live one is told from a stale one, whatever clocks and processes do."""

from __future__ import annotations

import json
import time

import pytest

from ims.store.heartbeat import Beat, Heartbeat, boot_id, heartbeat_file, uptime
from ims.store.liveness import liveness, losses_of, refuse_other_name
from ims.store.schema import create_store, state_folder


@pytest.fixture
def store(tmp_path):
    create_store(tmp_path / "S")
    state_folder(tmp_path / "S", "a").mkdir(parents=True)
    return tmp_path / "S"


@pytest.fixture
def heartbeat(store):
    made = Heartbeat(store, "a")
    yield made
    made.close()


def beat(**said):
    now = time.time()
    here = {"boot": boot_id(), "uptime": uptime(), "time": now, "began": now - 100, "storing_since": now - 100}
    return Beat(**here | said)


def state(store):
    return liveness(store, "a").state


def test_a_store_of_captures_has_no_live_sensor(store):
    found = liveness(store, "a")
    assert (found.state, found.watches, found.stores) == ("none", False, False)
    assert found.losses(None, None) == []


def test_a_live_sensor_watches_whatever_clocks_do(store, heartbeat):
    heartbeat.write(beat())
    assert state(store) == "watching"
    heartbeat.write(beat(time=time.time() - 1e6))  # the clock was set forth since
    assert state(store) == "watching"
    heartbeat.write(beat(time=time.time() + 1e6))  # or back
    assert state(store) == "watching"
    heartbeat.write(beat(boot="another machine's", uptime=1.0))
    assert state(store) == "watching"
    heartbeat.write(beat(uptime=uptime() + 1e6))  # a container with a clock of its own
    assert state(store) == "watching"
    heartbeat.write(beat(replay=True))
    assert state(store) == "replaying"


def test_a_process_that_is_there_and_says_nothing_is_stuck(store, heartbeat):
    heartbeat.write(beat(uptime=uptime() - 30))
    found = liveness(store, "a")
    assert (found.state, found.watches) == ("stuck", False)
    assert "says nothing since" in found.why
    heartbeat.write(beat(boot="another machine's", time=time.time() - 100))
    assert state(store) == "stuck"


def test_a_fresh_word_of_a_process_that_is_gone_is_not_believed(store, heartbeat):
    heartbeat.write(beat())
    heartbeat.close()
    found = liveness(store, "a")
    assert (found.state, found.watches, found.stores) == ("died", False, False)
    [loss] = found.losses(None, None)
    assert (loss.what, loss.text[:20]) == ("watch", "watches nothing now:")


def test_who_was_stopped_in_order_is_no_loss(store, heartbeat):
    heartbeat.write(beat(ended=time.time()))
    heartbeat.close()
    assert state(store) == "stopped"
    assert losses_of(store, ["a"], None, None) == {}


def test_where_no_interface_is_up_nothing_is_watched(store, heartbeat):
    heartbeat.write(beat(down=("eth0",)))
    found = liveness(store, "a")
    assert (found.state, found.watches, found.why) == ("down", False, "its interfaces are down: eth0")


def test_what_is_being_lost_is_told_where_the_question_touches_it(store, heartbeat):
    now = time.time()
    heartbeat.write(beat(storing=False, storing_since=now - 50, why="No space left on device", lost_now=1234))
    found = liveness(store, "a")
    assert (found.watches, found.stores) == (True, False)
    [loss] = losses_of(store, ["a"], None, None)["a"]
    assert "No space left on device" in loss.text
    assert "1,234 packets lost" in loss.text
    before, after = int((now - 60) * 1e6), int((now + 60) * 1e6)
    assert found.losses(before, after) == [loss]
    assert found.losses(None, before) == []
    assert found.losses(after, None) == []
    heartbeat.write(beat(losing_since=now - 2, lost_now=7))
    assert [loss.what for loss in liveness(store, "a").losses(None, None)] == ["packets"]
    heartbeat.write(beat(payloads_since=now - 2))
    assert [loss.what for loss in liveness(store, "a").losses(None, None)] == ["payloads"]
    heartbeat.write(beat())
    assert liveness(store, "a").losses(None, None) == []


def test_a_damaged_heartbeat_is_none(store, heartbeat):
    heartbeat.write(beat())
    heartbeat_file(store, "a").write_bytes(b"x")
    assert state(store) == "none"


def test_the_store_of_a_live_sensor_is_no_other_one_s(store, heartbeat):
    refuse_other_name(store / "absent", "b")
    refuse_other_name(store, "b")  # a file that nothing was written to
    heartbeat.write(beat(replay=True))
    refuse_other_name(store, "b")  # nor is a capture a sensor of its own
    heartbeat.write(beat(ended=time.time()))
    refuse_other_name(store, "a")
    with pytest.raises(ValueError, match="is the store of sensor 'a', and this sensor's name is 'b'; go on under the"):
        refuse_other_name(store, "b")
    state_folder(store, "b").mkdir()
    second = Heartbeat(store, "b")
    second.write(beat())
    second.close()
    refuse_other_name(store, "b")  # it has written here, too
    told = heartbeat_file(store, "b").read_bytes()
    heartbeat_file(store, "b").write_bytes(bytes(len(told)))
    refuse_other_name(store, "b")  # whatever became of its heartbeat
    heartbeat_file(store, "b").write_bytes(told)
    with pytest.raises(ValueError, match="sensor 'a'"):
        refuse_other_name(store, "c")
    for name in "ab":
        (state_folder(store, name) / "retired.json").write_text(json.dumps({"time": 1.0}))
    refuse_other_name(store, "c")  # whoever ended lets others begin
