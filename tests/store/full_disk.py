"""A disk that is full: for this process (no file may grow past a size), or a file system of its own."""

import contextlib
import resource
import signal
import subprocess


@contextlib.contextmanager
def files_end_at(size):
    """Writing past `size` octets of any file raises OSError, as a full disk does, and may write a part before."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@contextlib.contextmanager
def small_disk(folder, octets):
    """Mount a file system of so many octets at `folder`; False where the user may not, and then it's as before."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={octets}", "none", str(folder)]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
