"""The Benthos engine (Redpanda Connect's), one event a request or lines that it splits and does not parse."""

from harness.http import Records, closed_loop
from harness.processes import Process, answers_tcp, free_port, until
from peers import fetch

START_SECONDS = 30
# Of 0, 1 and 5 ms the best at 256 connections.
LINGER = "1ms"

ONE = """
    sync_response:
      status: "204\""""
LINES = """
  processors:
    - unarchive:
        format: lines"""


def config(address, brokers, topic, events_a_request):
    return f"""
http:
  enabled: false
logger:
  level: WARN
shutdown_timeout: 3s
input:
  http_server:
    address: {address}
    path: /events
    allowed_verbs: [POST]
    timeout: 20s{ONE if events_a_request == 1 else LINES}
output:
  kafka_durable:
    broker: {brokers}
    topic: {topic}
    linger: {LINGER}
    max_in_flight: 256
"""


def run(connections, events_a_request):
    def measure(bench, work):
        address, file = f"127.0.0.1:{free_port()}", work / "benthos.yaml"
        with bench.kafka.topic("benthos") as topic:
            file.write_text(config(address, bench.kafka.brokers, topic, events_a_request))
            with Process("benthos", [fetch("benthos") / "benthos", "-c", file], work) as process:
                until("Benthos listens", lambda: answers_tcp(address), START_SECONDS, process)
                records, servers = Records(bench.kafka, topic), {"kafka": bench.kafka}
                return closed_loop(bench, process, address, "/events", connections, events_a_request, servers, records)

    return measure
