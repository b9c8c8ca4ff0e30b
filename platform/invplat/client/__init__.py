"""The HTTP API from Python: `with Client(url, key) as client: client.forecasts(...)`."""

from __future__ import annotations

from invplat.client.client import Client
from invplat.client.errors import NoAnswer, ServerSaid

__all__ = ["Client", "NoAnswer", "ServerSaid"]
