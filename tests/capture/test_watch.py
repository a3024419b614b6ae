"""A folder into which captures are rotated: each file is given once, when it is finished."""

import os
import random
import shutil
import subprocess
import threading

import pytest

from ims.capture import watch
from ims.capture.watch import finished_files

from ..stores import IMS
from .writers import RAW, Packet, packets_of, pcap

PATIENCE = 150
"""silences (200 ms each) after which an event is taken not to come"""
LAST = "last"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "rotated"
    folder.mkdir()
    return folder


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def files(folder, stop):
    """Finished files of a folder that is being watched already."""
    found = finished_files(folder, stop)
    assert next(found) is None
    yield found
    found.close()


def names_until_last(files, folder):
    """Names of the files given until a last one, which is written now."""
    (folder / LAST).write_bytes(b"x")
    return names_until(files, LAST)


def names_until(files, name):
    names, silences = [], 0
    for path in files:
        if path is None:
            silences += 1
            assert silences < PATIENCE, f"{name} did not come, only {names}"
        else:
            names.append(path.name)
            if path.name == name:
                return names
    raise AssertionError(f"ended before {name}, after {names}")


def put(path, octets=b"x", age_seconds=None):
    path.write_bytes(octets)
    if age_seconds is not None:
        when = path.stat().st_mtime - age_seconds
        os.utime(path, (when, when))


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="no tcpdump here")
def test_what_tcpdump_rotates_is_given_once_and_whole(folder, files, tmp_path):
    packets = [Packet(number * 10**6, RAW, random.Random(number).randbytes(1000), 1000) for number in range(3500)]
    source = tmp_path / "source.pcap"
    source.write_bytes(pcap(packets))
    user = ["-Z", "root"] if os.geteuid() == 0 else []
    command = ["tcpdump", *user, "-r", source, "-w", folder / "dark", "-C", "1"]
    subprocess.run(command, check=True, capture_output=True)
    names = names_until_last(files, folder)
    assert names == ["dark", "dark1", "dark2", "dark3", LAST]
    assert [packet for name in names[:-1] for packet in packets_of(folder / name)] == packets


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="no tcpdump here")
def test_a_file_is_given_while_tcpdump_writes_the_next(folder, files, tmp_path):
    packets = [Packet(number * 10**6, RAW, bytes(1000), 1000) for number in range(1500)]
    user = ["-Z", "root"] if os.geteuid() == 0 else []
    command = ["tcpdump", *user, "-r", "-", "-w", folder / "dark", "-C", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as tcpdump:
        tcpdump.stdin.write(pcap(packets))
        tcpdump.stdin.flush()
        assert names_until(files, "dark") == ["dark"]
        assert tcpdump.poll() is None
        tcpdump.stdin.close()
        assert names_until(files, "dark1") == ["dark1"]


def test_files_already_there_come_first_the_oldest_first(folder, stop):
    for age, name in enumerate(["newest", "a", "z", "oldest"]):
        put(folder / name, age_seconds=100 + age)
    files = finished_files(folder, stop, settle_seconds=0)
    assert names_until_last(files, folder) == ["oldest", "z", "a", "newest", LAST]
    files.close()


def test_a_file_already_there_waits_for_its_writer(folder, stop):
    put(folder / "done", age_seconds=100)
    with (folder / "written").open("wb") as written:
        written.write(b"x")
        written.flush()
        files = finished_files(folder, stop, settle_seconds=0)
        assert names_until_last(files, folder) == ["done", LAST]
        assert next(files) is None
    assert names_until(files, "written") == ["written"]
    assert names_until_last(files, folder) == [LAST]
    files.close()


def test_where_no_process_tells_a_newer_file_or_settling_does(folder, stop, monkeypatch):
    monkeypatch.setattr(watch, "is_open_for_writing", lambda device, inode: None)
    put(folder / "older", age_seconds=1)
    put(folder / "newest")
    files = finished_files(folder, stop, settle_seconds=3600)
    assert names_until(files, "older") == ["older"]
    assert names_until_last(files, folder) == [LAST]
    assert next(files) is None
    put(folder / "newest", age_seconds=3600)
    assert names_until(files, "newest") == ["newest"]
    files.close()


def test_a_file_moved_into_the_folder_is_given(folder, files, tmp_path):
    put(tmp_path / "made")
    (tmp_path / "made").rename(folder / "moved")
    assert names_until(files, "moved") == ["moved"]


def test_temporary_names_are_passed_over_until_they_are_renamed(folder, files):
    put(folder / ".made.Xy12")
    put(folder / "other")
    (folder / ".made.Xy12").rename(folder / "made")
    assert names_until_last(files, folder) == ["other", "made", LAST]


def test_a_file_moved_out_or_removed_is_not_given(folder, files, tmp_path):
    put(folder / "out")
    put(folder / "removed")
    (folder / "out").rename(tmp_path / "out")
    (folder / "removed").unlink()
    assert names_until_last(files, folder) == [LAST]


def test_empty_files_and_hidden_folders_are_passed_over(folder, files):
    put(folder / "empty", b"")
    (folder / ".hidden").mkdir()
    put(folder / ".hidden" / "made")
    assert names_until_last(files, folder) == [LAST]


def test_folders_below_are_watched_those_there_and_those_that_come(folder, stop, tmp_path):
    (folder / "there" / "deep").mkdir(parents=True)
    put(folder / "there" / "deep" / "old", age_seconds=100)
    files = finished_files(folder, stop, settle_seconds=0)
    assert names_until(files, "old") == ["old"]
    put(folder / "there" / "deep" / "new")
    assert names_until(files, "new") == ["new"]
    (folder / "day" / "hour").mkdir(parents=True)
    put(folder / "day" / "hour" / "made")
    assert names_until(files, "made") == ["made"]
    files.close()


def test_a_folder_that_is_moved_in_gives_its_files_and_is_watched(folder, stop, tmp_path):
    files = finished_files(folder, stop, settle_seconds=0)
    assert next(files) is None
    (tmp_path / "another" / "deep").mkdir(parents=True)
    put(tmp_path / "another" / "deep" / "old", age_seconds=100)
    (tmp_path / "another").rename(folder / "another")
    assert names_until(files, "old") == ["old"]
    put(folder / "another" / "deep" / "new")
    assert names_until(files, "new") == ["new"]
    files.close()


def test_links_to_files_that_come_are_given(folder, stop, tmp_path):
    put(tmp_path / "target", age_seconds=100)
    files = finished_files(folder, stop, settle_seconds=0)
    assert next(files) is None
    (folder / "soft").symlink_to(tmp_path / "target")
    assert names_until(files, "soft") == ["soft"]
    (folder / "hard").hardlink_to(tmp_path / "target")
    assert names_until(files, "hard") == ["hard"]
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "nowhere").symlink_to(tmp_path / "absent")
    assert names_until_last(files, folder) == [LAST]
    files.close()


def test_a_link_that_leads_round_and_is_moved_in_is_said_and_ends_nothing(folder, stop, tmp_path):
    said = []
    files = finished_files(folder, stop, say=said.append)
    assert next(files) is None
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "loop").rename(folder / "loop")
    assert names_until_last(files, folder) == [LAST]
    assert said == [f"{folder / 'loop'} is passed over: Too many levels of symbolic links"]
    files.close()


def test_pipes_and_links_that_lead_nowhere_are_passed_over_which_is_said(folder, stop):
    said = []
    os.mkfifo(folder / "pipe")
    (folder / "nowhere").symlink_to(folder / "absent")
    (folder / ".nowhere").symlink_to(folder / "absent")
    files = finished_files(folder, stop, say=said.append)
    assert names_until_last(files, folder) == [LAST]
    assert sorted(said) == [
        f"{folder / 'nowhere'} is passed over: it is a link that leads nowhere",
        f"{folder / 'pipe'} is passed over: it is no regular file",
    ]
    files.close()


def test_links_to_folders_are_not_followed_which_is_said_once(folder, stop):
    said = []
    (folder / "below").mkdir()
    (folder / "below" / "loop").symlink_to(folder)
    files = finished_files(folder, stop, say=said.append)
    assert next(files) is None
    (folder / "loop").symlink_to(folder / "below")
    assert names_until_last(files, folder) == [LAST]
    assert next(files) is None
    assert said == [
        f"{folder / name} is a link to a folder, which is not followed; watch that folder itself"
        for name in ("below/loop", "loop")
    ]
    files.close()


@pytest.mark.parametrize("end", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("elsewhere"))])
def test_a_folder_that_goes_away_is_said_and_ends_it(folder, stop, end):
    said = []
    files = finished_files(folder, stop, say=said.append)
    assert next(files) is None
    end(folder)
    assert [path for path in files if path is not None] == []
    assert said == [f"{folder} is gone: it was removed or renamed; watching ends"]


def test_a_folder_that_is_replaced_is_watched_anew(folder, stop):
    files = finished_files(folder, stop, settle_seconds=0)
    assert next(files) is None
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    assert next(files) is None
    put(folder / "made")
    assert names_until(files, "made") == ["made"]
    files.close()


@pytest.mark.parametrize("kind", ["instances", "watches"])
def test_a_limit_of_the_kernel_is_said_in_words(folder, tmp_path, kind):
    """A user namespace has limits of its own."""
    alone = ("unshare", "-Ur", "sh", "-c", f'echo 0 > /proc/sys/user/max_inotify_{kind} && exec "$@"', "sh")
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace can be made here")
    words = (IMS, "ingest", "--watch", folder, "--store", tmp_path / "S", "--sensor", "a", "--block", "all=0.0.0.0/0")
    done = subprocess.run([*alone, *map(str, words)], capture_output=True, text=True, check=False, timeout=300)
    limit = {"instances": "instance", "watches": "watch"}[kind]
    said = f"{folder} can't be watched: inotify {limit} limit reached; raise sysctl fs.inotify.max_user_{kind}"
    assert done.stderr.splitlines()[-1] == f"ims: {said}"  # before it, kernels may have been compiled
    assert done.returncode == 2


def test_who_reads_a_file_does_not_finish_it_again(folder, files):
    put(folder / "made")
    assert names_until(files, "made") == ["made"]
    assert (folder / "made").read_bytes() == b"x"
    (folder / "made").chmod(0o600)
    assert names_until_last(files, folder) == [LAST]


def test_a_name_that_comes_again_with_other_content_is_given_again(folder, files, tmp_path):
    put(folder / "made")
    assert names_until(files, "made") == ["made"]
    with (folder / "made").open("ab") as more:
        more.write(b"more")
    assert names_until(files, "made") == ["made"]
    put(tmp_path / "other", b"other")
    (tmp_path / "other").replace(folder / "made")
    assert names_until(files, "made") == ["made"]
    assert names_until_last(files, folder) == [LAST]


def test_any_name_is_given(folder, files):
    names = [os.fsdecode(b"caf\xe9.pcap"), "-", "two\nlines", "a b"]
    for name in names:
        put(folder / name)
    assert names_until_last(files, folder) == [*names, LAST]


def test_a_folder_named_from_where_one_stands_gives_its_files(folder, stop, monkeypatch):
    monkeypatch.chdir(folder)
    files = finished_files(type(folder)(), stop)
    assert next(files) is None
    put(folder / "made")
    assert names_until(files, "made") == ["made"]
    files.close()


def test_it_ends_when_it_is_told_and_leaves_no_thread(folder, stop):
    before = set(threading.enumerate())
    files = finished_files(folder, stop, settle_seconds=0)
    put(folder / "made", age_seconds=100)
    assert next(files).name == "made"
    teller = threading.Thread(target=stop.set)
    teller.start()
    assert all(path is None for path in files)
    teller.join()
    assert set(threading.enumerate()) <= before


def test_a_reader_that_goes_away_leaves_no_thread(folder, stop):
    before = set(threading.enumerate())
    files = finished_files(folder, stop)
    assert next(files) is None
    files.close()
    assert set(threading.enumerate()) <= before


def test_a_folder_that_is_absent_is_said(folder, stop):
    with pytest.raises(FileNotFoundError):
        next(finished_files(folder / "absent", stop))
