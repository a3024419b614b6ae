#!/usr/bin/env bash
# PLACEHOLDER
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pyarrow==26.0.1 duckdb==1.5.4 pyspark==4.3.0
cat >read.py <<'PY'
import os
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

KINDS = {"uint8": pa.uint8(), "uint16": pa.uint16(), "int32": pa.int32(), "uint32": pa.uint32(), "int64": pa.int64(), "uint64": pa.uint64()}
os.environ["PYSPARK_PYTHON"] = sys.executable
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
for name, kind in KINDS.items():
    values = pa.table({"n": pa.array([1, 2, 200], kind)})
    for encoding in ("PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"):
        file = f"{name}-{encoding}.parquet"
        pq.write_table(values, file, use_dictionary=False, column_encoding={"n": encoding})
        row = [name, encoding, pq.read_metadata(file).row_group(0).column(0).physical_type]
        row.append(duckdb.sql(f"select sum(n) from '{file}'").fetchone()[0])
        for vectorized in ("true", "false"):
            spark.conf.set("spark.sql.parquet.enableVectorizedReader", vectorized)
            try:
                row.append(spark.read.parquet(file).agg({"n": "sum"}).first()[0])
            except Exception as error:
                text = str(error)
                row.append(next((word for word in ("readUnsignedIntegers", "readUnsignedLongs") if word in text), text.splitlines()[0][:60]))
        print(*row)
PY
venv/bin/python read.py 2>/dev/null | tee seen
