"""Whether a process has a file open for writing, as far as /proc tells (proc(5))."""

from __future__ import annotations

import os
from pathlib import Path


def is_open_for_writing(device: int, inode: int) -> bool | None:
    """Whether a process has the file open for writing; None where some process can't be looked into."""
    unknown = False
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            descriptors = list((process / "fd").iterdir())
        except PermissionError:
            unknown = True
            continue
        except OSError:  # it has ended
            continue
        for descriptor in descriptors:
            try:
                status = descriptor.stat()
                if (status.st_dev, status.st_ino) != (device, inode):
                    continue
                flags = (process / "fdinfo" / descriptor.name).read_text().split("flags:", 1)[1].split()[0]
                if int(flags, 8) & (os.O_WRONLY | os.O_RDWR):
                    return True
            except PermissionError:
                unknown = True
            except (OSError, IndexError, ValueError):  # closed meanwhile: another descriptor may still be open
                continue
    return None if unknown else False
