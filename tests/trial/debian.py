"""A bare Debian in a folder, as debootstrap makes it, kept for the next time where it can be."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SUITE = "bookworm"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "iproute2", "make", "python3", "ca-certificates", "curl",
    "openssh-server", "openssh-client", "procps", "ethtool",
)  # fmt: skip
"""What the pages take for granted: Debian with Python and make, and what is there on any server."""
CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")


def debian() -> Path:
    """The folder, made if it isn't there: 45 s. Raises CalledProcessError, with its log on standard error."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ims-tests"
    name = hashlib.blake2b(" ".join((SUITE, *PACKAGES)).encode(), digest_size=6).hexdigest()
    kept = cache / f"debian-{SUITE}-{name}"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="making-") as making:
            root = Path(making) / "root"
            words = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root]
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"debootstrap ended with {done.returncode}:\n{done.stdout[-3000:]}")
            # Whom this machine trusts when it fetches packages, the machine does, too.
            shutil.copy("/" / CERTIFICATES, root / CERTIFICATES)
            (root / "etc" / "resolv.conf").unlink(missing_ok=True)
            shutil.copy("/etc/resolv.conf", root / "etc")
            try:
                root.rename(kept)
            except OSError:  # another one was faster
                if not kept.exists():
                    raise
    return kept
