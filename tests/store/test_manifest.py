"""A manifest is never torn, never half read, and never lets go of a file that a reader may ask for."""

import os
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ims.store import manifest as manifest_module
from ims.store.manifest import ROLL_BYTES, Manifest, Snapshot, generations
from tests.store.full_disk import files_end_at

from ..effort import examples

SIZE = {"rows": 1, "bytes": 2}


def path(number):
    return f"packets/sensor=a/date=2026-03-05/hour={number % 24:02d}/{number}.parquet"


def touch(store, name):
    (store / name).parent.mkdir(parents=True, exist_ok=True)
    (store / name).write_bytes(b"x")
    return {name: SIZE}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def state_of(folder):
    snapshot = Snapshot(folder)
    snapshot.close()
    return snapshot.state


def only_log(folder):
    [(_number, log)] = generations(folder)
    return log


def test_what_is_committed_is_read_at_once_and_by_the_next_writer(tmp_path, folder):
    manifest = Manifest(tmp_path, folder)
    manifest.commit(add={path(1): SIZE, path(2): SIZE}, captures={"c": {"frames": 5}})
    manifest.commit(add={path(3): SIZE}, drop=[path(1)])
    assert state_of(folder) == manifest.state
    manifest.close()
    again = Manifest(tmp_path, folder)
    assert again.state == manifest.state
    assert set(again.state.files) == {path(2), path(3)}
    assert again.state.captures == {"c": {"frames": 5}}
    assert again.state.trash == {path(1): 1}
    again.close()


def test_a_folder_without_a_manifest_has_nothing(folder):
    assert state_of(folder).files == {}


def test_cut_off_anywhere_in_its_last_line_it_reads_as_before_that_line(tmp_path, folder):
    manifest = Manifest(tmp_path, folder)
    manifest.commit(add={path(1): SIZE})
    whole = len(only_log(folder).read_bytes())
    head = (folder / "manifest.head").read_bytes()
    manifest.commit(add={path(2): SIZE})
    manifest.close()
    (folder / "manifest.head").write_bytes(head)  # it speaks of a line when that is durable
    log = only_log(folder)
    content = log.read_bytes()
    for end in range(whole, len(content)):
        log.write_bytes(content[:end])
        assert set(state_of(folder).files) == {path(1)}
        log.write_bytes(content[:end] + bytes(9))  # what a file system may leave of a block that didn't come
        assert set(state_of(folder).files) == {path(1)}
    log.write_bytes(content[:-2] + b"\0\n")
    assert set(state_of(folder).files) == {path(1)}


def test_a_writer_goes_on_after_a_torn_line(tmp_path, folder):
    manifest = Manifest(tmp_path, folder)
    manifest.commit(add={path(1): SIZE})
    manifest.close()
    with only_log(folder).open("ab") as log:
        log.write(b'0123abcd {"add": {"half')
    manifest = Manifest(tmp_path, folder)
    manifest.commit(add={path(2): SIZE})
    assert set(state_of(folder).files) == {path(1), path(2)}
    manifest.close()


@pytest.mark.parametrize("line", [0, 1])
def test_damage_that_other_lines_follow_is_an_error_for_readers_and_writers(tmp_path, folder, line):
    manifest = Manifest(tmp_path, folder)
    for number in range(3):
        manifest.commit(add={path(number): SIZE})
    manifest.close()
    log = only_log(folder)
    lines = log.read_bytes().split(b"\n")
    lines[line] = lines[line][:20] + b"?" + lines[line][21:]
    log.write_bytes(b"\n".join(lines))
    for open_it in (lambda: Snapshot(folder), lambda: Manifest(tmp_path, folder)):
        with pytest.raises(ValueError, match=f"{log} is damaged: line {line + 1} does not match its checksum") as error:
            open_it()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"0123", b"00000000 {}\n"])
def test_a_manifest_without_a_whole_first_line_is_an_error(tmp_path, folder, content):
    (folder / "manifest-00000001.log").write_bytes(content)
    for open_it in (lambda: Snapshot(folder), lambda: Manifest(tmp_path, folder)):
        with pytest.raises(ValueError, match="is damaged"):
            open_it()


@pytest.mark.parametrize("text", [b"[]", b"5", b'{"state": {"colour": 1}}', b'{"state": 3}', b'{"add": 4}'])
def test_a_line_that_is_whole_but_means_nothing_is_an_error(folder, text):
    (folder / "manifest-00000001.log").write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
    with pytest.raises(ValueError, match="line 1 is not what this version writes"):
        Snapshot(folder)


@settings(max_examples=examples(200, 40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_octets_are_a_state_or_a_value_error(folder, octets):
    (folder / "manifest-00000001.log").write_bytes(octets)
    with pytest.raises(ValueError, match=r"damaged|not what this version"):
        Snapshot(folder)


def test_a_damaged_generation_that_nobody_needs_is_no_obstacle(tmp_path, folder):
    Manifest(tmp_path, folder).close()
    (folder / "manifest-00000000.log").write_bytes(b"?")
    Manifest(tmp_path, folder).close()


@pytest.mark.parametrize("room", [0, 1, 30, 10_000])
def test_a_commit_that_the_disk_has_no_room_for_is_not_committed_nor_later(tmp_path, folder, room):
    manifest = Manifest(tmp_path, folder)
    manifest.commit(add={path(1): SIZE})
    before = only_log(folder).read_bytes()
    with files_end_at(len(before) + room), pytest.raises(OSError, match=r"full|too large"):
        manifest.commit(add={path(number): SIZE for number in range(10, 1000)})
    assert only_log(folder).read_bytes() == before
    assert set(manifest.state.files) == {path(1)} == set(state_of(folder).files)
    manifest.commit(add={path(2): SIZE})
    assert set(state_of(folder).files) == {path(1), path(2)}
    manifest.close()
    assert set(state_of(folder).files) == {path(1), path(2)}


def test_when_a_failed_line_can_not_be_taken_back_nothing_more_is_written(tmp_path, folder, monkeypatch):
    manifest = Manifest(tmp_path, folder)

    def broken(*_args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    monkeypatch.setattr(os, "ftruncate", broken)
    with pytest.raises(OSError, match="Input/output"):
        manifest.commit(add={path(1): SIZE})
    monkeypatch.undo()
    with pytest.raises(OSError, match="can't be written since a write to it failed"):
        manifest.commit(add={path(2): SIZE})
    with pytest.raises(OSError, match="can't be written since a write to it failed"):
        manifest.roll()
    manifest.close()
    assert manifest.state.files == {}


def test_a_roll_that_fails_leaves_the_old_generation_in_use(tmp_path, folder):
    manifest = Manifest(tmp_path, folder)
    manifest.commit(add={path(number): SIZE for number in range(100)})
    with files_end_at(100), pytest.raises(OSError, match="too large"):
        manifest.roll()
    manifest.collect()
    manifest.commit(add={path(200): SIZE})
    assert len(state_of(folder).files) == 101
    assert len(generations(folder)) == 1
    manifest.close()


def test_a_generation_whose_name_may_not_be_durable_is_taken_back(tmp_path, folder, monkeypatch):
    manifest = Manifest(tmp_path, folder)

    def broken(*_args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("ims.store.schema.sync_folder", broken)
    with pytest.raises(OSError, match="Input/output"):
        manifest.roll()
    monkeypatch.undo()
    manifest.commit(add={path(1): SIZE})
    assert set(state_of(folder).files) == {path(1)}
    manifest.close()


def test_a_new_generation_is_begun_when_changes_outweigh_a_quarter_of_the_state(tmp_path, folder):
    manifest = Manifest(tmp_path, folder)
    manifest.commit(add={path(number): SIZE for number in range(10_000)})
    manifest.roll()
    state, began, changes = generations(folder)[-1][1].stat().st_size, manifest.generation, 0
    for number in range(3_000):
        log = generations(folder)[-1][1]
        before = log.stat().st_size
        manifest.commit(add={path(20_000 + number): SIZE}, drop=[path(number)])
        changes += log.stat().st_size - before
        manifest.roll_if_long()
    rolls = manifest.generation - began
    assert 1 <= rolls <= changes / max(ROLL_BYTES, state // 4)
    manifest.collect()
    assert len(manifest.state.trash) < 3_000
    manifest.close()


def test_few_changes_do_not_begin_a_generation(tmp_path, folder):
    manifest = Manifest(tmp_path, folder)
    for number in range(20):
        manifest.commit(add={path(number): SIZE})
        manifest.roll_if_long()
    assert manifest.generation == 1
    manifest.close()


def test_a_dropped_file_goes_exactly_when_its_last_possible_reader_is_gone(tmp_path, folder):
    manifest = Manifest(tmp_path, folder)
    name = path(1)
    manifest.commit(add=touch(tmp_path, name))
    first, second = Snapshot(folder), Snapshot(folder)
    manifest.commit(drop=[name])
    manifest.collect()
    assert (tmp_path / name).exists()  # this generation's readers may know it
    manifest.roll()
    late = Snapshot(folder)
    for reader in (first, second):
        manifest.collect()
        assert (tmp_path / name).exists()
        reader.close()
    manifest.collect()
    assert not (tmp_path / name).exists()
    assert not (tmp_path / name).parent.parent.exists()  # nor the empty folders of its hour and day
    assert (tmp_path / name).parent.parent.parent.exists()
    assert late.state.files == manifest.state.files == manifest.state.trash == {}
    assert len(generations(folder)) == 1
    late.close()
    manifest.close()


def test_a_reader_of_an_old_generation_holds_what_later_ones_dropped(tmp_path, folder):
    manifest = Manifest(tmp_path, folder)
    manifest.commit(add=touch(tmp_path, path(1)))
    reader = Snapshot(folder)
    for _ in range(3):
        manifest.roll()
        manifest.collect()
    manifest.commit(drop=[path(1)])
    manifest.roll()
    manifest.collect()
    assert (tmp_path / path(1)).exists()
    reader.close()
    manifest.collect()
    assert not (tmp_path / path(1)).exists()
    manifest.close()


def test_a_collection_that_was_cut_off_is_finished_by_the_next(tmp_path, folder, monkeypatch):
    manifest = Manifest(tmp_path, folder)
    manifest.commit(add=touch(tmp_path, path(1)))
    manifest.commit(drop=[path(1)])
    manifest.roll()

    def refuse(*_args, **_more):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(manifest, "commit", refuse)
    with pytest.raises(PermissionError):
        manifest.collect()
    monkeypatch.undo()
    assert path(1) in manifest.state.trash
    manifest.collect()
    assert manifest.state.trash == {}
    manifest.close()


def test_a_reader_that_comes_while_generations_change_gets_the_newest(tmp_path, folder, monkeypatch):
    manifest = Manifest(tmp_path, folder)
    listed = generations
    turns = iter(range(3))

    def stale(place):
        found = listed(place)
        if next(turns, None) is not None:  # the writer is faster than this reader three times
            manifest.commit(add={path(manifest.generation): SIZE})
            manifest.roll()
            monkeypatch.setattr(manifest_module, "generations", listed)
            manifest.collect()
            monkeypatch.setattr(manifest_module, "generations", stale)
        return found

    monkeypatch.setattr(manifest_module, "generations", stale)
    snapshot = Snapshot(folder)
    assert snapshot.state.files == manifest.state.files
    assert len(snapshot.state.files) == 3
    snapshot.close()
    manifest.close()


class Life(RuleBasedStateMachine):
    """A manifest and its readers in any order; the model is a set of names."""

    @initialize()
    def begin(self):
        import tempfile
        from pathlib import Path

        self.place = tempfile.TemporaryDirectory()
        self.store = Path(self.place.name)
        self.folder = self.store / "state"
        self.folder.mkdir()
        self.manifest = Manifest(self.store, self.folder)
        self.names, self.count, self.readers = set(), 0, []

    @rule(add=st.integers(0, 3), drop=st.randoms(use_true_random=False))
    def commit(self, add, drop):
        gone = [name for name in sorted(self.names) if drop.random() < 0.3]
        fresh = {}
        for _ in range(add):
            self.count += 1
            fresh |= touch(self.store, path(self.count))
        self.manifest.commit(add=fresh, drop=gone)
        self.names = self.names - set(gone) | set(fresh)

    @rule()
    def roll(self):
        self.manifest.roll()

    @rule()
    def collect(self):
        self.manifest.collect()

    @rule()
    def restart(self):
        self.manifest.close()
        self.manifest = Manifest(self.store, self.folder)

    @rule()
    def open_reader(self):
        self.readers.append((Snapshot(self.folder), frozenset(self.names)))

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, 99))
    def close_reader(self, which):
        self.readers.pop(which % len(self.readers))[0].close()

    @invariant()
    def readers_have_all_their_files(self):
        for snapshot, names in self.readers:
            assert snapshot.state.files.keys() == names
            assert all((self.store / name).exists() for name in names)

    @invariant()
    def the_state_is_the_model(self):
        assert self.manifest.state.files.keys() == self.names
        assert state_of(self.folder) == self.manifest.state

    def teardown(self):
        for snapshot, _names in self.readers:
            snapshot.close()
        self.manifest.roll()
        self.manifest.collect()
        left = {str(p.relative_to(self.store)) for p in self.store.glob("packets/**/*.parquet")}
        assert left == self.names
        assert self.manifest.state.trash == {}
        assert len(generations(self.folder)) == 1
        self.manifest.close()
        self.place.cleanup()


def test_no_order_of_events_takes_a_file_from_a_reader_or_leaves_one_behind():
    run_state_machine_as_test(
        Life, settings=settings(max_examples=examples(40, 10), stateful_step_count=25, deadline=None)
    )
