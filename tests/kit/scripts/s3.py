"""s3.py [BUCKET]: an S3 server in memory, on a port of its own, until standard input ends. Prints its URL once the bucket is made.

It also answers Google Cloud Storage's XML API, which is that of S3 but for the names of headers."""

import logging
import os
import sys

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")

import boto3
from moto.server import ThreadedMotoServer


def with_names_of_google(server):
    def app(environ, start_response):
        if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None) == "0":
            environ["HTTP_IF_NONE_MATCH"] = "*"
        if environ.get("HTTP_AUTHORIZATION", "").startswith("Bearer "):
            environ["HTTP_AUTHORIZATION"] = "AWS test:test"
        return server(environ, start_response)

    return app


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = f"http://{host}:{port}"
for bucket in sys.argv[1:]:
    boto3.client("s3", endpoint_url=url).create_bucket(Bucket=bucket)
server._server.app = with_names_of_google(server._server.app)
print(url, flush=True)
sys.stdin.read()
