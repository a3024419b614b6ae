"""First arrivals are those a plain dict would give, through runs, merges, restarts and full disks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ims.store.first_seen_index import MERGE_RUNS, FirstSeenIndex, first_half
from tests.store.full_disk import files_end_at

from ..effort import examples

FOLDER = "_state/sensor=a/seen"


def signature(number):
    """16 octets; numbers that differ by a multiple of 1,000 differ in the first half's last octets only."""
    return bytes([number % 256]) * 4 + (number // 1000).to_bytes(4, "big") + bytes(8)


def octets(numbers):
    return np.frombuffer(b"".join(map(signature, numbers)), np.uint8).reshape(-1, 16)


def sealed(seen, known):
    """Seal, and keep the books of the manifest: which runs there are."""
    added, dropped = seen.seal()
    assert set(dropped) <= known
    assert not set(dropped) & set(added)
    return (known | set(added)) - set(dropped), added, dropped


steps = st.lists(
    st.one_of(
        st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 10**15)), max_size=30),
        st.sampled_from(["seal", "restart"]),
    ),
    max_size=40,
)


@settings(max_examples=examples(80, 16))
@given(steps)
def test_it_answers_as_a_dict_would(tmp_path_factory, steps):
    store = tmp_path_factory.mktemp("store")
    seen, runs, model, durable = FirstSeenIndex(store, FOLDER, []), set(), {}, {}
    for step in steps:
        if step == "seal":
            runs, _added, _dropped = sealed(seen, runs)
            durable = dict(model)
            assert set(seen.runs) == runs
        elif step == "restart":
            seen, model = FirstSeenIndex(store, FOLDER, sorted(runs)), dict(durable)
        else:
            numbers, times = [number for number, _ in step], np.array([time for _, time in step], np.int64)
            wanted = []
            for number, time in step:
                key = signature(number)[:8]
                model[key] = min(model.get(key, time), time)
            found = seen.first_seen(octets(numbers), times) if step else np.empty(0, np.int64)
            arrivals = dict.fromkeys(map(signature, numbers))
            assert len(found) == len(step) >= len(arrivals)
            wanted = [model[signature(number)[:8]] for number in numbers]
            # A signature that comes twice at once: the later arrival knows the earlier, wherever it stands.
            assert all(f >= w for f, w in zip(found, wanted, strict=True))
            assert {
                signature(n)[:8]: min(f for m, f in zip(numbers, found, strict=True) if m == n) for n in numbers
            } == {signature(n)[:8]: model[signature(n)[:8]] for n in numbers}


def test_half_a_signature_sorts_as_its_octets_do():
    values = [bytes([1]) + bytes(15), bytes(15) + b"\xff", bytes(7) + b"\x01" + bytes(8), b"\xff" * 16]
    found = first_half(np.frombuffer(b"".join(values), np.uint8).reshape(-1, 16))
    assert found.tolist() == [int.from_bytes(value[:8], "big") for value in values]


def test_an_earlier_arrival_that_comes_late_is_remembered_across_runs(tmp_path):
    seen = FirstSeenIndex(tmp_path, FOLDER, [])
    for time, wanted in ((500, 500), (300, 300), (400, 300)):
        assert seen.first_seen(octets([1]), np.array([time])).tolist() == [wanted]
        seen.seal()
    again = FirstSeenIndex(tmp_path, FOLDER, seen.runs)
    assert again.first_seen(octets([1]), np.array([900])).tolist() == [300]


def test_what_no_seal_covered_is_not_known_after_a_restart(tmp_path):
    seen = FirstSeenIndex(tmp_path, FOLDER, [])
    seen.first_seen(octets([1]), np.array([10]))
    seen.seal()
    seen.first_seen(octets([2]), np.array([20]))
    again = FirstSeenIndex(tmp_path, FOLDER, seen.runs)
    assert again.first_seen(octets([1, 2]), np.array([99, 99])).tolist() == [10, 99]


def test_only_news_is_written(tmp_path):
    seen = FirstSeenIndex(tmp_path, FOLDER, [])
    assert seen.seal() == ({}, [])
    seen.first_seen(octets([1]), np.array([10]))
    seen.seal()
    seen.first_seen(octets([1, 1]), np.array([11, 10]))
    assert seen.seal() == ({}, [])
    seen.first_seen(octets([1, 1, 2]), np.array([11, 9, 5]))
    assert [size["rows"] for size in seen.seal()[0].values()] == [2]


def test_runs_stay_few_and_a_row_is_written_few_times(tmp_path):
    dice = np.random.default_rng(1)
    seen, runs, written, seals, rows = FirstSeenIndex(tmp_path, FOLDER, []), set(), 0, 300, 40
    everything = []
    for number in range(seals):
        signatures = dice.integers(0, 256, (rows, 16), np.uint8)
        everything.append(signatures)
        seen.first_seen(signatures, np.full(rows, number))
        runs, added, _dropped = sealed(seen, runs)
        written += sum(size["rows"] for size in added.values())
    assert len(runs) <= 4 * MERGE_RUNS
    assert written <= 5 * seals * rows
    files = {str(file.relative_to(tmp_path)) for file in (tmp_path / FOLDER).iterdir()}
    assert runs <= files
    found = FirstSeenIndex(tmp_path, FOLDER, runs).first_seen(np.concatenate(everything), np.full(seals * rows, seals))
    assert found.tolist() == np.repeat(np.arange(seals), rows).tolist()


def test_files_that_hold_runs_are_as_large_as_the_manifest_is_told(tmp_path):
    seen = FirstSeenIndex(tmp_path, FOLDER, [])
    sizes = {}
    for number in range(3 * MERGE_RUNS):
        seen.first_seen(octets([number, number + 1]), np.array([1, 2]))
        sizes |= seen.seal()[0]
    for run in seen.runs:
        assert (tmp_path / run).stat().st_size == sizes[run]["bytes"]
        assert len(np.load(tmp_path / run)) == sizes[run]["rows"]


def test_a_full_disk_is_an_error_while_writing_and_while_merging_and_leaves_no_file(tmp_path):
    seen = FirstSeenIndex(tmp_path, FOLDER, [])
    for number in range(MERGE_RUNS - 1):
        seen.first_seen(octets([number] * 2), np.array([1, 2]))
        seen.seal()
    before = set((tmp_path / FOLDER).iterdir())
    assert len(before) == MERGE_RUNS - 1
    seen.first_seen(octets([200]), np.array([3]))
    with files_end_at(100), pytest.raises(OSError, match="File too large"):
        seen.seal()
    assert set((tmp_path / FOLDER).iterdir()) == before
    with files_end_at(128 + 16), pytest.raises(OSError, match="File too large"):
        seen.seal()  # the run itself fits; what eight are merged into doesn't
    assert len(set((tmp_path / FOLDER).iterdir()) - before) == 1


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"x" * 300])
def test_a_damaged_run_is_one_clear_line(tmp_path, damage):
    seen = FirstSeenIndex(tmp_path, FOLDER, [])
    seen.first_seen(octets([1]), np.array([1]))
    [run] = seen.seal()[0]
    (tmp_path / run).write_bytes(damage)
    with pytest.raises(ValueError, match="is damaged") as error:
        FirstSeenIndex(tmp_path, FOLDER, [run])
    assert str(tmp_path / run) in str(error.value)


def test_a_cut_run_is_refused(tmp_path):
    seen = FirstSeenIndex(tmp_path, FOLDER, [])
    seen.first_seen(octets(range(50)), np.arange(50))
    [run] = seen.seal()[0]
    content = (tmp_path / run).read_bytes()
    (tmp_path / run).write_bytes(content[:-8])
    with pytest.raises(ValueError, match="is damaged"):
        FirstSeenIndex(tmp_path, FOLDER, [run])


def test_a_run_of_another_shape_is_refused(tmp_path):
    (tmp_path / FOLDER).mkdir(parents=True)
    np.save(tmp_path / FOLDER / "x.npy", np.zeros((4, 3), np.uint64))
    with pytest.raises(ValueError, match=r"found uint64 \(4, 3\), expected uint64 \(n, 2\)"):
        FirstSeenIndex(tmp_path, FOLDER, [f"{FOLDER}/x.npy"])
