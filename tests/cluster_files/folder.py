"""The files of `cluster/` as the tests read them: documents, containers, texts in which commands and paths stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cluster"
KUBERAY = FOLDER / "kuberay"
DOCKERFILE = FOLDER / "image" / "Dockerfile"
COMPOSE = FOLDER / "compose" / "compose.yaml"
UP = sorted((FOLDER / "up").glob("*.yaml"))
BOARDS = sorted((FOLDER / "monitoring" / "dashboards").glob("*.json"))
RULES = FOLDER / "monitoring" / "rules.yml"
PROSE = (FOLDER / "README.md", FOLDER / "RUNBOOK.md", ROOT / "SECURITY.md")
Document = dict[str, Any]


def files(*suffixes: str) -> list[Path]:
    found = [path for path in sorted(FOLDER.rglob("*")) if path.is_file() and path.suffix in suffixes]
    assert found, f"no {suffixes} under {FOLDER}: the test would hold nothing"
    return found


@cache
def documents(path: Path) -> tuple[Any, ...]:
    text = path.read_text(encoding="utf-8")
    return (json.loads(text),) if path.suffix == ".json" else tuple(yaml.safe_load_all(text))


def manifests() -> list[Document]:
    """All that goes to Kubernetes."""
    return [each for path in sorted(KUBERAY.glob("*.yaml")) for each in documents(path)]


def of_kind(*kinds: str) -> list[Document]:
    found = [each for each in manifests() if each["kind"] in kinds]
    assert found, f"no {kinds}"
    return found


def ray_clusters() -> list[Document]:
    """The specs of Ray clusters: alone, in a job, in a service."""
    found = []
    for each in of_kind("RayCluster", "RayJob", "RayService"):
        spec = each["spec"]
        inner = spec if each["kind"] == "RayCluster" else spec.get("rayClusterSpec", spec.get("rayClusterConfig"))
        found += [] if inner is None else [inner]
    return found


def pods() -> list[Document]:
    """Templates of all pods."""
    nightly = [each["spec"]["jobTemplate"]["spec"]["template"] for each in of_kind("CronJob")]
    return [*ray_pods(), *(each["spec"]["template"] for each in of_kind("Deployment")), *nightly]


def ray_pods() -> list[Document]:
    """Of heads and workers."""
    groups = [group for spec in ray_clusters() for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])]
    return [group["template"] for group in groups]


def ray_containers() -> list[Document]:
    return [container for pod in ray_pods() for container in pod["spec"]["containers"]]


def containers() -> list[Document]:
    return [container for pod in pods() for container in pod["spec"]["containers"]]


def served() -> Document:
    """What Serve is told by the RayService."""
    (service,) = of_kind("RayService")
    found: Document = yaml.safe_load(service["spec"]["serveConfigV2"])
    return found


def strings(content: Any) -> Iterator[str]:
    """Every text in a document; lists of words, as commands are written, joined too."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for name, value in content.items():
            yield str(name)
            yield from strings(value)
    elif isinstance(content, list):
        if content and all(isinstance(word, str) and " " not in word for word in content):
            yield " ".join(content)
        for value in content:
            yield from strings(value)


def texts() -> list[tuple[Path, str]]:
    """Where commands and paths may stand: values and comments of settings, code in prose; lines that go on are one."""
    found = []
    for path in files(".yaml", ".yml", ".json"):
        lines = path.read_text(encoding="utf-8").splitlines()
        comments = "\n".join(part for line in lines if (part := line.partition("#")[2].strip()))
        found.append((path, re.sub(r"\\\n", " ", comments)))
        found += [(path, text) for document in documents(path) for text in strings(document)]
    found.append((DOCKERFILE, DOCKERFILE.read_text(encoding="utf-8")))
    for path in PROSE:
        text = path.read_text(encoding="utf-8")
        fenced = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
        rest = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
        spans = [re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", rest)]
        found += [(path, re.sub(r"\\\n", " ", block)) for block in fenced] + [(path, span) for span in spans]
    return found
