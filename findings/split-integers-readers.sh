#!/usr/bin/env bash
# Parquet's BYTE_STREAM_SPLIT for integers, in the format since 2.11 (2024) and written by pyarrow 26.0.1 when asked, and who reads it: DuckDB 2.0.1 does,
# DuckDB 1.5.6 refuses all of them with an error ("only supported for FLOAT or DOUBLE data"), and Spark 4.3.0 reads numbers of 8 and 16 bits, signed ones
# of 32 and 64, but not unsigned ones of 32 (readUnsignedIntegers) or 64 (readUnsignedLongs), of which it reads PLAIN and DELTA_BINARY_PACKED; its reader
# row by row (spark.sql.parquet.enableVectorizedReader=false) reads them all. The file's footer looks alike in all cases, so nothing tells before rows are read.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pyarrow==26.0.1 duckdb==2.0.1 pyspark==4.3.0
venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target older duckdb==1.5.6
cat >duck.py <<'PY'
import sys

import duckdb

try:
    print(duckdb.connect().execute(f"select sum(n) from '{sys.argv[1]}'").fetchall()[0][0])
except duckdb.Error as error:
    print("refused" if "BYTE_STREAM_SPLIT encoding is only supported for FLOAT or DOUBLE" in str(error) else error)
PY
cat >read.py <<'PY'
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

KINDS = {"uint8": pa.uint8(), "uint16": pa.uint16(), "int32": pa.int32(), "uint32": pa.uint32(), "int64": pa.int64(), "uint64": pa.uint64()}
os.environ["PYSPARK_PYTHON"] = sys.executable
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("OFF")


def by_duckdb(file, **environment):
    words = [sys.executable, "duck.py", file]
    return subprocess.run(words, env=os.environ | environment, capture_output=True, text=True, check=True).stdout.strip()


def by_spark(file, vectorized):
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", vectorized)
    try:
        return str(spark.read.parquet(file).agg({"n": "sum"}).first()[0])
    except Exception as error:
        text = str(error)
        return next((word for word in ("readUnsignedIntegers", "readUnsignedLongs") if word in text), text.splitlines()[0][:60])


for name, kind in KINDS.items():
    for encoding in ("PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"):
        file = f"{name}-{encoding}.parquet"
        pq.write_table(pa.table({"n": pa.array([1, 2, 200] * 50, kind)}), file, use_dictionary=False, column_encoding={"n": encoding})
        found = by_duckdb(file), by_duckdb(file, PYTHONPATH="older"), by_spark(file, "true"), by_spark(file, "false")
        print(name, encoding, *found)
PY
venv/bin/python read.py 2>err >seen || { tail -5 err; exit 1; }
echo "type encoding DuckDB-2.0.1 DuckDB-1.5.6 Spark-4.3.0 Spark-row-by-row"
cat seen
wanted=""
for kind in uint8 uint16 int32 uint32 int64 uint64; do
    spark=10150
    if [ $kind = uint32 ]; then spark=readUnsignedIntegers; fi
    if [ $kind = uint64 ]; then spark=readUnsignedLongs; fi
    wanted+="$kind PLAIN 10150 10150 10150 10150"$'\n'"$kind DELTA_BINARY_PACKED 10150 10150 10150 10150"$'\n'
    wanted+="$kind BYTE_STREAM_SPLIT 10150 refused $spark 10150"$'\n'
done
if [ "$(cat seen)"$'\n' = "$wanted" ]; then echo "as found"; else echo "changed"; exit 1; fi
