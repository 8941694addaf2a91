"""The programs of bench/tools: the generator of page views, the load, the limits."""

from harness.processes import run


class Tools:
    def __init__(self, folder, work, weblog):
        self.folder = folder
        self.work = work
        self.environment = {"WEBLOG": weblog} if weblog else {}

    def path(self, name):
        return self.folder / name

    def run(self, name, *arguments):
        return run(name, [self.path(name), *arguments], self.work / "tools", self.environment)

    def write_events(self, path, count, days):
        return self.run("page_views", "file", path, count, days).found

    def fill(self, kafka, count, days=4, partitions=4):
        """A new topic with page views; returns its name."""
        topic = kafka.create_topic("views", partitions)
        self.run("page_views", "topic", kafka.brokers, topic, partitions, count, days)
        kafka.expect_records(topic, count, count)
        return topic

    def consume(self, kafka, topic, parse="none"):
        return self.run("consume", kafka.brokers, topic, parse)
