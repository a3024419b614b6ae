"""Places to ship to: a folder, and a bucket of a real S3 server on loopback."""

from __future__ import annotations

import logging
from urllib.parse import quote
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ..shared import shared
from .rich_store import STORE, rich_store

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="session")
def rich(tmp_path_factory):
    """The rich store; who changes it takes a copy."""
    return shared(tmp_path_factory, "rich", rich_store) / STORE


@pytest.fixture(scope="session")
def s3_server():
    """Address of a server whose memory is all there is of its buckets."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_client(endpoint):
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")


def s3_uri(bucket, endpoint):
    return f"s3://{bucket}/a/lake?endpoint_override={quote(endpoint, safe='')}&region=us-east-1"


@pytest.fixture
def credentials(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(s3_server, credentials):
    """A new bucket's name."""
    name = f"lake-{uuid4().hex}"
    s3_client(s3_server).create_bucket(Bucket=name)
    return name


@pytest.fixture
def bucket_uri(s3_server, bucket):
    return s3_uri(bucket, s3_server)


@pytest.fixture(params=["folder", "bucket"])
def uri(request, tmp_path):
    """A place's URI: of each kind."""
    return str(tmp_path / "lake") if request.param == "folder" else request.getfixturevalue("bucket_uri")
