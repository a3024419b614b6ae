#!/usr/bin/env bash
# watchdog 6.0.0 (PyPI), a recursive schedule on Linux (inotify): a folder that is made inside the watched one, or renamed within it, is watched too.
# A folder that is moved in from outside isn't: watchdog tells of it and of each file that it holds already ("created"), as if it had begun to watch
# it, but of no file that is written there afterwards, at whatever depth. No error, no log line. Moving a finished folder into place is a common way
# to have files arrive whole, and it works as long as nothing is added later. Scheduling the same folder anew doesn't help either; it takes a new
# Observer, or a look of one's own from time to time.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check watchdog==6.0.0
env/bin/python - <<'PY'
import os
import sys
import threading

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.inotify import InotifyObserver

assert Observer is InotifyObserver
os.makedirs("watched")
os.makedirs("outside/inner")
came, news = [], threading.Condition()


class Noting(FileSystemEventHandler):
    def on_created(self, event):
        with news:
            came.append(event.src_path)
            news.notify_all()

    def on_moved(self, event):
        with news:
            came.append(event.dest_path)
            news.notify_all()


def told(path):
    with news:
        return news.wait_for(lambda: path in came, timeout=5)


def write(path):
    with open(path, "w") as file:
        file.write("192.0.2.1\n")
    return path


changed = False


def seen(what, value, then):
    global changed
    changed |= value != then
    print(f"seen: {what}: {value}" if value == then else f"changed: {what}: {value}, was {then}")


def observe():
    observer = Observer()
    observer.schedule(Noting(), "watched", recursive=True)
    observer.start()
    return observer


write("outside/inner/earlier")
observer = observe()
os.mkdir("watched/made")
told("watched/made")
seen("a file in a folder made inside", told(write("watched/made/later")), True)
os.rename("watched/made", "watched/renamed")
told("watched/renamed")
seen("a file in a folder renamed inside", told(write("watched/renamed/later")), True)
os.rename("outside", "watched/moved")
seen("a folder moved in", told("watched/moved"), True)
seen("the file that it holds", told("watched/moved/inner/earlier"), True)
one, two = write("watched/moved/later"), write("watched/moved/inner/later")
last = write("watched/last")
seen("a file at the top, written after the next two", told(last), True)
seen("a file written in the folder moved in", told(one), False)
seen("a file written below that", told(two), False)
observer.schedule(Noting(), "watched", recursive=True)
seen("one there, scheduled anew", told(write("watched/moved/again")), False)
observer.stop()
observer.join()
observer = observe()
seen("one there, a new Observer", told(write("watched/moved/anew")), True)
observer.stop()
observer.join()
sys.exit(changed)
PY
