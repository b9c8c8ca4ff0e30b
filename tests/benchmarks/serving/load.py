"""Load from outside: wrk in a process of its own, asking for one series of one business after the other at random."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """
local names, keys, series = {}, {}, {}
for line in io.lines("%s") do
  local name, key = line:match("(%%S+) (%%S+)")
  names[#names + 1] = name; keys[#keys + 1] = key
end
for line in io.lines("%s") do series[#series + 1] = line end
math.randomseed(%d)
function request()
  local at = math.random(#names)
  local body = series[math.random(#series)]
  local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. keys[at]}
  return wrk.format("POST", "/v1/tenants/" .. names[at] .. "/forecasts", headers, body)
end
function done(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
              + summary.errors.timeout
  local form = "JSON {\\"requests\\": %%d, \\"seconds\\": %%f, \\"bad\\": %%d, \\"p50\\": %%f, \\"p99\\": %%f}\\n"
  io.write(string.format(form,
    summary.requests, summary.duration / 1e6, bad, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Measured:
    rate: float  # requests a second
    p50: float  # ms
    p99: float
    bad: int


def needs_wrk() -> None:
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed to make the load: install it (Debian: apt-get install wrk)")


def ask(
    url: str,
    names: Sequence[str],
    keys: Sequence[str],
    series: Sequence[tuple[str, str]],
    *,
    connections: int,
    seconds: float,
    seed: int = 1,
) -> Measured:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "who").write_text("".join(f"{name} {key}\n" for name, key in zip(names, keys, strict=True)))
        bodies = (json.dumps({"series": [{"store": store, "sku": sku}]}) for store, sku in series)
        (folder / "what").write_text("".join(f"{body}\n" for body in bodies))
        (folder / "ask.lua").write_text(SCRIPT % (folder / "who", folder / "what", seed))
        words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "-s", str(folder / "ask.lua"), url]
        told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found = json.loads(next(line for line in told.splitlines() if line.startswith("JSON "))[5:])
    return Measured(found["requests"] / found["seconds"], found["p50"], found["p99"], found["bad"])
