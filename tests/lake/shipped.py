"""Stores to be shipped, and what there is in a lake as readers see it that aren't ours."""

from __future__ import annotations

import re

import numpy as np
import pyarrow.dataset as ds
from pyarrow.fs import FileSelector

from ims.lake.lake import open_lake
from ims.lake.ship import Shipper
from ims.lake.uri import open_place
from ims.store.writer import SensorWriter
from tests.store.made import HOUR, NOON, coverage, packets, payloads, put

ROWS = 4


class Watching:
    """A sensor that writes a store hour by hour; each packet's `source` is a number of its own."""

    def __init__(self, store, sensor="a"):
        self.store, self.sensor = store, sensor
        self.packets = 0

    def hour(self, number, finish=True):
        """Packets of an hour, a payload and coverage up to it; `finish`: all hours so far are finished after it."""
        begin = NOON + number * HOUR
        writer = SensorWriter(self.store, self.sensor, lanes=1)
        try:
            put(writer, "packets", packets(np.resize([begin, begin + 1], ROWS), first=self.packets))
            put(writer, "payloads", payloads([begin], octets=b"%d of" % self.packets))
            self.packets += ROWS
            record = {"c": {"name": "c", "frames": self.packets}}
            last = max(number, writer.captures.get("c", {}).get("last", 0))
            record["c"]["last"] = last
            covered = {"c": coverage(NOON, NOON + (last + 1) * HOUR)}
            writer.checkpoint(record, covered, publish_before_us=begin + HOUR if finish else 0)
        finally:
            writer.close()
        return self

    def retain(self, **limits):
        writer = SensorWriter(self.store, self.sensor, lanes=1)
        try:
            return writer.retain(2**60, **limits)
        finally:
            writer.close()

    @property
    def sources(self):
        return list(range(self.packets))


def watched(store, hours=3, sensor="a"):
    """A store with some finished hours, of ROWS packets and a payload each."""
    sensor = Watching(store, sensor)
    for number in range(hours):
        sensor.hour(number)
    return sensor


def ship(store, uri, sensor="a", **more):
    return Shipper(store, open_place(uri), **more).ship(sensor)


def seen_by_others(uri, table="packets", column="source"):
    """A column of all Parquet files in the tree, sorted: what an engine sees that knows nothing of ledgers."""
    place = open_place(uri)
    found = place.filesystem.get_file_info(FileSelector(f"{place.root}/{table}", recursive=True, allow_not_found=True))
    files = [info.path for info in found if re.search(r"\.parquet$", info.path)]
    if not files:
        return []
    return sorted(ds.dataset(files, filesystem=place.filesystem).to_table(columns=[column]).column(0).to_pylist())


def seen_by_us(uri, table="packets", column="source", lake=None):
    """The same of the files that the ledgers name."""
    with lake or open_lake(uri) as lake:
        files = [str(path) for path in lake.files(table)]
        if not files:
            return []
        rows = ds.dataset(files, filesystem=lake.filesystem).to_table(columns=[column])
        assert len(rows) == lake.rows(table)
        return sorted(rows.column(0).to_pylist())
