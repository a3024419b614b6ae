"""Whether a sensor is who the registry says: the names of its certificate and in its store, and a store of its own.

Rows are distinguished by the sensor's name alone. So each name is in one entry of the registry, and a sensor that sends
rows of any other name is refused; one store, or a copy of it, is counted once (docs/decisions/0026).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from ims.link.contract import Hello
from ims.portal.federation.fault import Fault
from ims.portal.federation.registry import RegisteredSensor
from ims.query.question import Question
from ims.text import first_line


def check_hello(sensor: RegisteredSensor, hello: Hello, stores: Mapping[str, str]) -> None:
    """Compare a daemon's hello with the registry. `stores`: other stores' sensors, by store id. Raises Fault."""
    if hello.name not in ("", sensor.name):
        raise Fault(
            "name", f"its certificate is that of sensor {_plain(hello.name)!r}; the registry calls it {sensor.name!r}"
        )
    check_store(sensor, hello.sensors, hello.store, stores)


def check_store(sensor: RegisteredSensor, names: Iterable[str], store: str, stores: Mapping[str, str]) -> None:
    """Compare the names in a sensor's store, and the store's id, with the registry. Raises Fault."""
    for name in names:
        if name not in sensor.names:
            raise Fault(
                "name",
                f"its store holds sensor {_plain(name)!r}; the registry calls it {sensor.name!r}",
                f'`ims sensor rename` gives the store another name; `sensors = ["{_plain(name)}"]` in the registry '
                "and in the query daemon's settings allows this one too",
            )
    if store and store in stores:
        raise Fault("name", f"its store is the one that sensor {stores[store]!r} has, or a copy; it would count twice")


def check_rows(sensor: RegisteredSensor, questions: Collection[Question], parts: Mapping[str, pa.Table]) -> None:
    """Compare the sensors' names in rows with the registry: a part `I/NAME` answers question I. Raises Fault."""
    # Of details, the key is a signature or a source, whatever the question's group is.
    by_sensor = {
        str(number) for number, question in enumerate(questions)
        if question.request.group == "sensor" and question.key is None
    }  # fmt: skip
    for part, table in parts.items():
        for column in ("sensor", "key") if part.partition("/")[0] in by_sensor else ("sensor",):
            if column in table.column_names:
                check_store(sensor, map(str, pc.unique(table.column(column)).to_pylist()), "", {})


def _plain(name: str) -> str:
    """A name that a daemon sent, which may be anything."""
    return first_line(name, 64)
