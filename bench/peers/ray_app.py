"""The FastAPI application as one replica of Ray Serve, through its HTTP proxy. Serves until it is ended."""

import signal
import sys

import ray
from ray import serve

from peers.fastapi_app import app


@serve.deployment(num_replicas=1, max_ongoing_requests=64)
@serve.ingress(app)
class Peer:
    pass


ray.init(address="local", include_dashboard=False, logging_level="ERROR", log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
serve.run(Peer.bind(), route_prefix="/")
signal.pause()
