"""One Ray, one Python, one invplat in every file; other images by an exact version."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Any

from invplat import __version__
from tests.cluster_files.folder import (
    COMPOSE,
    DOCKERFILE,
    ROOT,
    UP,
    containers,
    documents,
    files,
    ray_clusters,
    ray_containers,
)

IMAGE = re.compile(r"registry\.example\.com/invplat:([\w.$\-:{}]+)")


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_ray_is_the_pinned_one_everywhere() -> None:
    ray = pins()["ray"]
    assert {spec["rayVersion"] for spec in ray_clusters()} == {ray}
    (wanted,) = [re.search(r">=([\d.]+)", entry) for entry in project()["dependencies"] if entry.startswith("ray[")]
    assert wanted is not None
    assert numbers(wanted[1]) <= numbers(ray)


def test_every_image_of_ours_is_of_this_version_and_this_ray() -> None:
    begins = f"{__version__}-ray{pins()['ray']}-"
    found = {}
    for path in (*files(".yaml", ".md"), DOCKERFILE):
        for tag in IMAGE.findall(path.read_text(encoding="utf-8")):
            found[f"{path.name}: {tag}"] = tag
    assert len({tag.removeprefix(begins) for tag in found.values()}) == 3  # cpu, cuda, and compose's choice
    odd = [
        place
        for place, tag in found.items()
        if tag not in (begins + "cpu", begins + "cuda", begins + "${VARIANT:-cpu}")
    ]
    assert odd == []


def test_who_has_a_gpu_has_the_image_for_it() -> None:
    for container in ray_containers():
        gpu = "nvidia.com/gpu" in container["resources"]["limits"]
        assert container["image"].endswith("-cuda" if gpu else "-cpu"), container["name"]
    for path in UP:
        for name, kind in documents(path)[0]["available_node_types"].items():
            image = kind.get("docker", {}).get("worker_image", documents(path)[0]["docker"]["image"])
            assert image.endswith("-cuda" if kind["resources"].get("GPU") else "-cpu"), f"{path.name}: {name}"


def test_the_image_s_python_is_one_that_the_project_is_for() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    (python,) = re.findall(r"^ARG PYTHON=([\d.]+)$", text, re.MULTILINE)
    least = project()["requires-python"].removeprefix(">=")
    assert numbers(python)[:2] == numbers(least)
    assert f"Programming Language :: Python :: {least}" in project()["classifiers"]
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"python:${PYTHON}-slim-bookworm"}


def test_the_image_installs_under_the_pins_and_what_it_names_is_there() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    installs = re.findall(r"pip install ([^;&|\n]*)", text)
    assert len(installs) >= 4
    assert [line for line in installs if "constraints.txt" not in line and "--no-deps" not in line] == []
    assert "torch" in pins()
    for extra in re.findall(r"extras\['(\w+)'\]", text):
        assert extra in project()["optional-dependencies"]
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists(), name
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()}
    assert copied == {line[1:] for line in ignored if line.startswith("!")}


def test_no_image_is_whatever_is_newest() -> None:
    images = [each["image"] for each in documents(COMPOSE)[0]["services"].values()]
    images += [container["image"] for container in containers()]
    assert [image for image in images if not re.search(r":[^/]*\d", image) or image.endswith(":latest")] == []


def test_what_the_image_lists_is_what_the_project_stands_on() -> None:
    (code,) = re.findall(r'RUN python -c "(.*?)"', DOCKERFILE.read_text(encoding="utf-8"), re.DOTALL)
    ended = subprocess.run(
        [sys.executable, "-c", code.replace("\\\n", "")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wanted = [*project()["dependencies"]]
    for extra in ("s3", "postgres"):
        wanted += project()["optional-dependencies"][extra]
    assert ended.stdout.splitlines() == wanted
