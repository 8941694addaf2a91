"""A real Kafka, started by dev/kafka.sh: topics, what they hold, and what the broker costs."""

import contextlib
import pathlib

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.processes import Failed, printed, tree_cpu_seconds, tree_peak_memory_mib, until

DELETE_DELAY_MS = "1000"
# The client outlives the broker, and would say so.
QUIET = {"log_level": 0}


class Kafka:
    def __init__(self, project, folder):
        self.script = project / "dev/kafka.sh"
        self.folder = folder
        self.brokers = self.call("start", folder, "0")
        self.pid = int((folder / "broker.pid").read_text())
        self.admin = AdminClient(QUIET | {"bootstrap.servers": self.brokers})
        self.jars = pathlib.Path(self.call("fetch"))
        self.count = 0

    def call(self, verb, *arguments):
        return printed(self.script, verb, *arguments)

    def version(self):
        return self.jars.name.removeprefix("kafka-")

    def remove(self):
        self.call("remove", self.folder)

    def cpu_seconds(self):
        return tree_cpu_seconds(self.pid)

    def peak_memory_mib(self):
        return tree_peak_memory_mib(self.pid)

    def create_topic(self, prefix, partitions=4):
        """A new, empty topic; returns its name."""
        self.count += 1
        name = f"{prefix}-{self.count}"
        settings = {"file.delete.delay.ms": DELETE_DELAY_MS, "retention.ms": "-1"}
        self.admin.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result(30)
        until(f"topic {name}", lambda: name in self.admin.list_topics(timeout=10).topics, 30)
        return name

    @contextlib.contextmanager
    def topic(self, prefix, partitions=4):
        """A new, empty topic for as long as it is in use."""
        name = self.create_topic(prefix, partitions)
        try:
            yield name
        finally:
            self.delete_topics(name)

    def delete_topics(self, *names):
        for future in self.admin.delete_topics(list(names)).values():
            future.exception(30)

    def records(self, topic):
        """Records that a topic without transactions has ever had; of a topic that is not there, 0."""
        found = self.admin.list_topics(timeout=10).topics.get(topic)
        if not found:
            return 0
        consumer = Consumer(QUIET | {"bootstrap.servers": self.brokers, "group.id": "bench"})
        try:
            return sum(consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1] for p in found.partitions)
        finally:
            consumer.close()

    def expect_records(self, topic, least, most):
        if not least <= (found := self.records(topic)) <= most:
            raise Failed(f"lost or invented events: the topic holds {found}, {least} were acknowledged")
