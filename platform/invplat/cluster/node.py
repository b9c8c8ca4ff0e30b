"""One node: `ray start`, with everything of it on this machine's own address, or on that of its namespace.

    python -m invplat.cluster.node start --head …

`ray start` takes the machine's outer address whatever it is told, and where it is told not to, refuses to join nodes.
So its two questions are answered here before it asks. It ends when the node is up; the node goes on.
"""

from __future__ import annotations

import os

from ray._private import ray_constants, services
from ray.scripts import scripts

from invplat.cluster.note import AT, HOST


def main() -> None:
    services.get_node_ip_address = lambda address=None: os.environ.get(AT, HOST)
    ray_constants.ENABLE_RAY_CLUSTER = True
    scripts.main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
