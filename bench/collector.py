"""Two ends of an OTLP export on this machine: a collector that counts, and one that never answers."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class Collector:
    """Its address, and how many exports it took."""

    address: str
    exports: int = 0


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that takes everything, until the end of the block."""
    found = Collector("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            found.exports += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def never_answering() -> Iterator[Collector]:
    """A place that takes connections and never answers, which is worse than one that refuses them."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield Collector(f"http://127.0.0.1:{server.getsockname()[1]}")
