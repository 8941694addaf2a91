"""Deletes the row with a log_offset as Spark does by default with merge-on-read: by a position delete file.

usage: delete_row.py DATA_DIR LOG_OFFSET
"""

import sys
import time
import uuid

import pyarrow
import pyarrow.parquet
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import AddSnapshotUpdate, AssertRefSnapshotId, SetSnapshotRefUpdate

PATH_FIELD, POSITION_FIELD = 2147483546, 2147483545


class DeletesWriter(ManifestWriterV2):
    def content(self):
        return ManifestContent.DELETES

    @property
    def _meta(self):
        return {**super()._meta, "content": "deletes"}


def find(table, log_offset):
    """The data file that has the row, and the row's position in it."""
    for task in table.scan().plan_files():
        with table.io.new_input(task.file.file_path).open() as file:
            offsets = pyarrow.parquet.read_table(file, columns=["log_offset"])["log_offset"].to_pylist()
        if log_offset in offsets:
            return task.file, offsets.index(log_offset)
    sys.exit(f"delete_row.py: no row has log_offset {log_offset}")


def field(name, kind, field_id):
    return pyarrow.field(name, kind, False, {"PARQUET:field_id": str(field_id)})


def write_positions(table, path, position):
    schema = pyarrow.schema(
        [field("file_path", pyarrow.string(), PATH_FIELD), field("pos", pyarrow.int64(), POSITION_FIELD)]
    )
    location = f"{table.location()}/data/{uuid.uuid4()}-deletes.parquet"
    with table.io.new_output(location).create() as file:
        pyarrow.parquet.write_table(pyarrow.Table.from_pydict({"file_path": [path], "pos": [position]}, schema), file)
    return location, len(table.io.new_input(location))


def main(data_dir, log_offset):
    table = SqlCatalog("pageberg", uri=f"sqlite:///{data_dir}/catalog.sqlite").load_table("web.page_views")
    data, position = find(table, int(log_offset))
    location, size = write_positions(table, data.file_path, position)
    deletes = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=data.partition,
        record_count=1,
        file_size_in_bytes=size,
        spec_id=data.spec_id,
    )
    parent, snapshot_id = table.current_snapshot(), uuid.uuid4().int >> 65
    sequence = table.metadata.last_sequence_number + 1
    output = table.io.new_output(f"{table.location()}/metadata/{uuid.uuid4()}-m0.avro")
    with DeletesWriter(table.spec(), table.schema(), output, snapshot_id, "deflate") as writer:
        writer.add_entry(
            ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id, data_file=deletes)
        )
    manifests = [writer.to_manifest_file(), *parent.manifests(table.io)]
    manifest_list = f"{table.location()}/metadata/snap-{snapshot_id}.avro"
    output = table.io.new_output(manifest_list)
    with write_manifest_list(2, output, snapshot_id, parent.snapshot_id, sequence, "deflate") as writer:
        writer.add_manifests(manifests)
    snapshot = Snapshot(
        snapshot_id=snapshot_id,
        parent_snapshot_id=parent.snapshot_id,
        sequence_number=sequence,
        timestamp_ms=int(time.time() * 1000),
        manifest_list=manifest_list,
        summary=Summary(Operation.DELETE),
        schema_id=table.schema().schema_id,
    )
    updates = (
        AddSnapshotUpdate(snapshot=snapshot),
        SetSnapshotRefUpdate(ref_name="main", type="branch", snapshot_id=snapshot_id),
    )
    table.catalog.commit_table(table, (AssertRefSnapshotId(ref="main", snapshot_id=parent.snapshot_id),), updates)


if __name__ == "__main__":
    main(*sys.argv[1:])
