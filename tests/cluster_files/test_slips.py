"""The tests of the files find what they are there for: a wrong Ray, a lacking secret, another namespace, no GPU."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster_files import folder, test_manifests, test_versions


@pytest.mark.parametrize(
    ("old", "new", "check", "said"),
    [
        (
            r"rayVersion: \S+",
            'rayVersion: "2.50.0"',
            test_versions.test_ray_is_the_pinned_one_everywhere,
            "2.50.0",
        ),
        (
            r"kind: Secret\nmetadata:\n  name: \S+",
            "kind: Secret\nmetadata:\n  name: another",
            test_manifests.test_what_is_referred_to_is_there,
            "invplat-",
        ),
        (
            r"\n  namespace: invplat\b",
            "\n  namespace: theirs",
            test_manifests.test_what_is_referred_to_is_there,
            "theirs",
        ),
        (
            ', nvidia.com/gpu: "1"',
            "",
            test_versions.test_who_has_a_gpu_has_the_image_for_it,
            "ray-worker",
        ),
    ],
    ids=["ray", "secret", "namespace", "gpu"],
)
def test_a_slip_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    check: Callable[[], None],
    said: str,
) -> None:
    check()
    copy = tmp_path / "kuberay"
    shutil.copytree(folder.KUBERAY, copy)
    changed = 0
    for path in copy.glob("*.yaml"):
        text, times = re.subn(old, new, path.read_text())
        path.write_text(text)
        changed += times
    assert changed
    monkeypatch.setattr(folder, "KUBERAY", copy)
    with pytest.raises((AssertionError, KeyError), match=said):
        check()
