"""Every file parses, and has the shape that its reader expects."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.cluster_files import fields
from tests.cluster_files.folder import (
    BOARDS,
    COMPOSE,
    DOCKERFILE,
    FOLDER,
    KUBERAY,
    ROOT,
    RULES,
    UP,
    containers,
    documents,
    files,
    manifests,
    of_kind,
    pods,
    ray_clusters,
    ray_containers,
    served,
)

PART = "invplat/part"  # KubeRay gives labels of its own to the usual names
RAYS = ("RayCluster", "RayJob", "RayService")


@pytest.mark.parametrize("path", files(".yaml", ".yml", ".json"), ids=lambda path: str(path.relative_to(FOLDER)))
def test_it_parses(path: Path) -> None:
    assert all(isinstance(each, dict) for each in documents(path))


@pytest.mark.parametrize("resource", of_kind(*RAYS), ids=lambda each: each["kind"])
def test_kuberay_knows_every_field(resource: dict[str, Any]) -> None:
    assert fields.odd(resource) == []


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        ((), "apiVersion", "ray.io/v1alpha1"),
        (("spec",), "rayversion", "2.60.0"),
        (("spec", "authOptions"), "mode", "tokens"),
        (("spec", "headGroupSpec", "rayStartParams"), "num-cpus", 0),
        (("spec", "workerGroupSpecs", 0), "minReplica", 1),
        (("spec", "workerGroupSpecs", 0), "minReplicas", 30),
        (("spec", "workerGroupSpecs", 0, "template", "spec"), "serviceAcountName", "x"),
    ],
)
def test_a_slip_is_found(where: tuple[str | int, ...], name: str, value: Any) -> None:
    (resource,) = of_kind("RayCluster")
    changed: Any = copy.deepcopy(resource)
    inner = changed
    for step in where:
        inner = inner[step]
    inner[name] = value
    assert fields.odd(changed)


def test_what_is_referred_to_is_there() -> None:
    kept = {(each["kind"], each["metadata"]["name"]) for each in manifests() if "name" in each.get("metadata", {})}
    secrets = {each["metadata"]["name"]: set(each["stringData"]) for each in of_kind("Secret")}
    for spec in ray_clusters():
        assert "auth_token" in secrets[spec["authOptions"]["secretName"]]
        if (redis := spec.get("gcsFaultToleranceOptions")) is not None:
            wanted = redis["redisPassword"]["valueFrom"]["secretKeyRef"]
            assert wanted["key"] in secrets[wanted["name"]]
    for pod in pods():
        assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in kept
    for container in ray_containers():
        assert [each["secretRef"]["name"] for each in container["envFrom"]] == ["invplat-settings"]
    for container in containers():
        for one in container.get("env", ()):
            if "valueFrom" in one:
                wanted = one["valueFrom"]["secretKeyRef"]
                assert wanted["key"] in secrets[wanted["name"]]
    assert set(secrets["invplat-settings"]) == {"INVPLAT_DATABASE_URL", "INVPLAT_STORAGE_URL"}
    assert {each["metadata"].get("namespace", "invplat") for each in manifests() if "metadata" in each} == {"invplat"}


def test_a_job_goes_to_a_cluster_that_is_there() -> None:
    names = {each["metadata"]["name"] for each in of_kind("RayCluster")}
    for each in of_kind("RayJob"):
        selector = each["spec"].get("clusterSelector")
        if selector is not None:
            assert selector["ray.io/cluster"] in names
            assert f"--address {selector['ray.io/cluster']}-head-svc:6379" in each["spec"]["entrypoint"]
    (nightly,) = [each["spec"]["jobTemplate"]["spec"]["template"]["spec"] for each in of_kind("CronJob")]
    assert nightly["containers"][0]["command"][-1].removesuffix("-head-svc:6379") in names
    services = {each["metadata"]["name"] for each in of_kind("RayService")}
    assert not names & services, "both would make a service NAME-head-svc"
    (ingress,) = of_kind("Ingress")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"].removesuffix("-serve-svc") in services
    assert path["backend"]["service"]["port"]["number"] == served()["http_options"]["port"]


def test_selectors_meet_pods() -> None:
    labels = [pod["metadata"]["labels"] for pod in pods()]
    for each in of_kind("PodDisruptionBudget"):
        wanted = each["spec"]["selector"]["matchLabels"]
        assert any(wanted.items() <= found.items() for found in labels), each["metadata"]["name"]
        # Kubernetes evicts nothing, or anything, by another field here: the owner of these pods has no scale.
        assert isinstance(each["spec"]["minAvailable"], int)
        assert set(each["spec"]) == {"minAvailable", "selector"}
    groups = [group for spec in ray_clusters() for group in spec["workerGroupSpecs"]]
    named = {group["template"]["metadata"]["labels"][PART]: group for group in groups}
    budgets = {each["spec"]["selector"]["matchLabels"][PART]: each for each in of_kind("PodDisruptionBudget")}
    least = budgets["serve-worker"]["spec"]["minAvailable"]
    assert least < named["serve-worker"]["minReplicas"], "no node could ever be drained"
    for each in of_kind("NetworkPolicy"):
        part = each["spec"]["podSelector"].get("matchLabels", {}).get(PART)
        assert part is None or part in [found[PART] for found in labels], each["metadata"]["name"]


def test_every_container_has_limits_and_says_whether_it_lives() -> None:
    for container in containers():
        asked, most = container["resources"]["requests"], container["resources"]["limits"]
        assert {"cpu", "memory", "ephemeral-storage"} <= set(most), container["name"]
        assert (asked["cpu"], asked["memory"]) == (most["cpu"], most["memory"]), "Ray hands out what the limit says"
        assert "readinessProbe" in container or container["name"] == "submit"  # a job is over by itself
    for container in ray_containers():
        for probe in ("livenessProbe", "readinessProbe"):
            assert "wget" in container[probe]["exec"]["command"][-1]
    for spec in ray_clusters():
        assert {"cpu", "memory"} <= set(spec["autoscalerOptions"]["resources"]["limits"])
    for name, each in documents(COMPOSE)[0]["services"].items():
        assert {"mem_limit", "cpus"} <= set(each), name
    assert "wget" in DOCKERFILE.read_text(encoding="utf-8")


def test_heads_do_no_work() -> None:
    for spec in ray_clusters():
        assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for path in UP:
        (found,) = documents(path)
        assert found["available_node_types"][found["head_node_type"]]["resources"]["CPU"] == 0
        assert any("--num-cpus=0" in line for line in found["head_start_ray_commands"])
    assert "--num-cpus=0" in documents(COMPOSE)[0]["services"]["head"]["command"][0]
    for each in of_kind("RayJob"):
        assert each["spec"]["entrypointNumCpus"] >= 1, "else it runs on the head"


def test_what_must_outlive_a_head_is_in_redis() -> None:
    for each in of_kind("RayCluster", "RayService"):
        spec = each["spec"].get("rayClusterConfig", each["spec"])
        options = spec["gcsFaultToleranceOptions"]
        assert options["redisAddress"]
        # Two clusters of a service that is upgraded would take each other's place under one name.
        assert "externalStorageNamespace" not in options


def test_serve_takes_its_settings_and_the_application_is_built_from_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray about itself
        import ray.serve  # noqa: F401 -- first, or its parts import each other in vain
        from ray.serve._private.api import call_user_app_builder_with_args_if_necessary
        from ray.serve._private.constants import RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT as first
        from ray.serve.schema import ServeDeploySchema

    from invplat.serve import deployment, front
    from invplat.serve.options import of_texts
    from invplat.session import ONE_THREAD

    found = ServeDeploySchema.model_validate(served())
    (application,) = found.applications
    module, _, name = application.import_path.partition(":")
    assert callable(getattr(import_module(module), name))
    assert application.name == deployment.NAME
    assert application.route_prefix == "/"
    options = of_texts(application.args)
    (made,) = [call_user_app_builder_with_args_if_necessary(deployment.built, application.args)._bound_deployment]
    assert made.name == "replica"
    assert made._deployment_config.autoscaling_config.max_replicas == options.replicas[1]
    assert made._deployment_config.max_ongoing_requests > options.in_flight
    assert options.replicas[0] >= 2
    assert options.memory >= 1 << 30
    assert [each.name for each in application.deployments] == ["replica"]
    (group,) = of_kind("RayService")[0]["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    container = group["template"]["spec"]["containers"][0]
    most = application.deployments[0].max_replicas_per_node
    assert most == int(container["resources"]["limits"]["cpu"])
    assert options.replicas[1] == most * group["maxReplicas"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    # One that is started anew takes the next port until the old one is free again: twice as many are looked at.
    assert [ports[f"replica-{number}"] for number in range(2 * most)] == list(range(first, first + 2 * most))
    (rule,) = [each for each in of_kind("NetworkPolicy") if each["metadata"]["name"] == "figures-in"]
    assert {"protocol": "TCP", "port": first, "endPort": first + 2 * most - 1} in rule["spec"]["ingress"][0]["ports"]
    # What `invplat deploy` gives its processes, the pods have from their manifest.
    given = {**ONE_THREAD, **deployment.SERVE, **front.BASE}
    given |= {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": f"{deployment.DRAIN:g}",
    }
    head = of_kind("RayService")[0]["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    for each in (container, head):
        assert {one["name"]: one["value"] for one in each["env"]} == given


@pytest.mark.parametrize("path", UP, ids=lambda path: path.name)
def test_ray_s_launcher_takes_it(path: Path) -> None:
    spec = find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    schema = json.loads((Path(spec.origin).parent / "autoscaler" / "ray-schema.json").read_text(encoding="utf-8"))
    (found,) = documents(path)
    jsonschema.validate(found, schema)
    kinds = dict(found["available_node_types"])
    head = kinds.pop(found["head_node_type"])
    assert found["max_workers"] == sum(kind["max_workers"] for kind in kinds.values())
    for kind in kinds.values():
        text = json.dumps(kind["node_config"])
        assert '"MarketType": "spot"' in text or '"provisioningModel": "SPOT"' in text
    assert "spot" not in json.dumps(head).lower()


def test_a_dashboard_is_what_grafana_loads() -> None:
    (provider,) = documents(FOLDER / "monitoring/provisioning/dashboards/invplat.yaml")[0]["providers"]
    (source,) = documents(FOLDER / "monitoring/provisioning/datasources/prometheus.yaml")[0]["datasources"]
    mounts = documents(COMPOSE)[0]["services"]["grafana"]["volumes"]
    assert f"../monitoring/dashboards:{provider['options']['path']}:ro" in mounts
    assert source["url"] == "http://prometheus:9090"
    boards = [documents(path)[0] for path in BOARDS]
    assert len({board["uid"] for board in boards}) == len(boards) >= 2
    for board in boards:
        assert {"title", "panels", "schemaVersion", "time"} <= set(board)
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids) > 0
        for panel in board["panels"]:
            assert panel["datasource"]["uid"] == source["uid"]
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            assert panel["targets"]


def test_rules_have_what_prometheus_wants() -> None:
    names = [rule["alert"] for group in documents(RULES)[0]["groups"] for rule in group["rules"]]
    assert len(set(names)) == len(names) > 5
    for group in documents(RULES)[0]["groups"]:
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations", "keep_firing_for"}
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert {"summary", "runbook"} == set(rule["annotations"])
    for name in ("compose.yml", "kubernetes.yml"):
        assert documents(FOLDER / "monitoring" / name)[0]["rule_files"] == [RULES.name]


def test_compose_mounts_and_builds_what_is_there() -> None:
    (content,) = documents(COMPOSE)
    for name, each in content["services"].items():
        for volume in each.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (COMPOSE.parent / source).exists(), f"{name}: {source}"
            else:
                assert source in content["volumes"], f"{name}: {source}"
        for other in each.get("depends_on", ()):
            assert other in content["services"]
    build = content["services"]["head"]["build"]
    assert (COMPOSE.parent / build["context"]).resolve() == ROOT
    assert ROOT / build["dockerfile"] == DOCKERFILE
    wanted = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE.read_text(encoding="utf-8")))
    example = (COMPOSE.parent / ".env.example").read_text(encoding="utf-8")
    assert wanted == {line.partition("=")[0] for line in example.splitlines() if line and not line.startswith("#")}


def _told_by(*command: str, folder: Path) -> str:
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _needs(*command: str) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on this machine")
    if subprocess.run(command, capture_output=True, check=False, timeout=60).returncode != 0:
        pytest.skip(f"{' '.join(command)}: not on this machine")


def test_kustomize_makes_the_same_of_them() -> None:
    _needs("kubectl", "kustomize", "--help")
    made = list(yaml.safe_load_all(_told_by("kubectl", "kustomize", ".", folder=KUBERAY)))
    (listed,) = documents(KUBERAY / "kustomization.yaml")
    ours = [each for name in listed["resources"] for each in documents(KUBERAY / name)]
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in made}
    assert len(by_name) == len(ours)
    for each in ours:
        assert by_name[each["kind"], each["metadata"]["name"]] == each


def test_kubeconform_finds_nothing_wrong() -> None:
    _needs("kubeconform", "-v")
    names = [str(path) for path in sorted(KUBERAY.glob("*.yaml")) if path.name != "kustomization.yaml"]
    _told_by("kubeconform", "-strict", "-ignore-missing-schemas", *names, folder=KUBERAY)


def test_docker_takes_the_compose_file(tmp_path: Path) -> None:
    _needs("docker", "compose", "version")
    example = COMPOSE.parent / ".env.example"
    _told_by("docker", "compose", "--env-file", str(example), "-f", str(COMPOSE), "config", "--quiet", folder=tmp_path)
