"""The URI of a lake: a directory, or an S3-compatible bucket.

    /srv/lake    file:///srv/lake
    s3://bucket/prefix?region=eu-central-1
    s3://bucket/prefix?endpoint_override=http%3A%2F%2F127.0.0.1%3A9000&region=us-east-1

Credentials come from the environment or the standard AWS files, never from the URI, which ends up in logs and ledgers.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from ims.lake.bucket import Bucket
from ims.lake.folder import Folder
from ims.lake.object_store import ObjectStore

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
S3_OPTIONS = ("endpoint_override", "region", "scheme")


def open_place(uri: str | Path) -> ObjectStore:
    """The place of a URI; it isn't accessed. Raises ValueError where the URI isn't supported."""
    text = str(uri)
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if not text:
        raise ValueError("a lake: expected a folder, or s3://bucket/prefix")
    if not scheme:
        return Folder(Path(text).absolute())
    parts = urlsplit(text)
    if "@" in parts.netloc:
        shown = f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        expected = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or ~/.aws/credentials"
        raise ValueError(f"{shown}: credentials are not allowed in the URI; expected {expected}")
    if scheme == "file":
        if parts.netloc not in ("", "localhost") or parts.query or not parts.path:
            raise ValueError(f"{text}: expected file:///FOLDER")
        return Folder(Path(unquote(parts.path)))
    if scheme == "s3":
        return Bucket(parts.netloc, unquote(parts.path).strip("/"), _s3_options(text, parts.query))
    raise ValueError(f"{text}: unsupported scheme {scheme}://; expected a folder, file:///FOLDER or s3://bucket/prefix")


def _s3_options(text: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in S3_OPTIONS or not value or key in options:
            without = text.partition("?")[0]  # the rest may contain a secret key
            raise ValueError(f"{without}: option {key!r}: expected {', '.join(S3_OPTIONS)}, once, with a value")
        options[key] = value
    return options
