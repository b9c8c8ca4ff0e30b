from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.client.service import Handler, Server, Service, json_of


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service(usual=json_of({"tenant": "shop", "forecasts": []}))
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"service": made}))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.release.set()
    server.shutdown()
    thread.join()
    server.server_close()
