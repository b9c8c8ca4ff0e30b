"""The fields of KubeRay 1.7's resources, as its reference lists them: only those whose absence or misspelling we would
not notice, as Kubernetes drops what it does not know."""

from __future__ import annotations

from typing import Any

RAY_CLUSTER = {
    "upgradeStrategy", "authOptions", "suspend", "managedBy", "autoscalerOptions", "headServiceAnnotations",
    "enableInTreeAutoscaling", "gcsFaultToleranceOptions", "historyServerOptions", "networkPolicy", "tlsOptions",
    "headGroupSpec", "rayVersion", "workerGroupSpecs",
}  # fmt: skip
RAY_JOB = {
    "activeDeadlineSeconds", "backoffLimit", "rayClusterSpec", "submitterPodTemplate", "metadata", "clusterSelector",
    "submitterConfig", "managedBy", "deletionStrategy", "entrypoint", "runtimeEnvYAML", "jobId", "submissionMode",
    "entrypointResources", "entrypointNumCpus", "entrypointNumGpus", "ttlSecondsAfterFinished",
    "preRunningDeadlineSeconds", "shutdownAfterJobFinishes", "suspend",
}  # fmt: skip
RAY_SERVICE = {
    "rayClusterDeletionDelaySeconds", "serveService", "upgradeStrategy", "managedBy", "serveConfigV2",
    "rayClusterConfig", "excludeHeadPodFromServeSvc", "suspend",
}  # fmt: skip
AUTH = {"mode", "secretName", "enableK8sTokenAuth"}
AUTOSCALER = {
    "resources", "image", "imagePullPolicy", "securityContext", "idleTimeoutSeconds", "upscalingMode", "version",
    "env", "envFrom", "volumeMounts", "command", "args",
}  # fmt: skip
FAULT_TOLERANCE = {"backend", "redisUsername", "redisPassword", "externalStorageNamespace", "redisAddress", "storage"}
HEAD = {
    "template", "headService", "enableIngress", "ingressOptions", "resources", "labels", "rayStartParams",
    "serviceType",
}  # fmt: skip
WORKERS = {
    "suspend", "groupName", "replicas", "minReplicas", "maxReplicas", "idleTimeoutSeconds", "priority", "resources",
    "labels", "rayStartParams", "template", "scaleStrategy", "numOfHosts",
}  # fmt: skip
POD = {
    "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "securityContext", "containers",
    "volumes", "tolerations", "nodeSelector", "affinity", "topologySpreadConstraints", "terminationGracePeriodSeconds",
    "priorityClassName", "initContainers", "imagePullSecrets",
}  # fmt: skip
CONTAINER = {
    "name", "image", "imagePullPolicy", "securityContext", "env", "envFrom", "ports", "resources", "livenessProbe",
    "readinessProbe", "startupProbe", "lifecycle", "volumeMounts", "command", "args",
}  # fmt: skip
CHOICES = {
    "authOptions.mode": {"disabled", "token"},
    "autoscalerOptions.version": {"v1", "v2"},
    "autoscalerOptions.upscalingMode": {"Default", "Aggressive", "Conservative"},
    "submissionMode": {"K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"},
    "upgradeStrategy.type": {"NewCluster", "NewClusterWithIncrementalUpgrade", "None"},
}


def odd(resource: dict[str, Any]) -> list[str]:
    """What is wrong with one of KubeRay's resources, each with its place; none is as it should be."""
    kind, spec = resource["kind"], resource["spec"]
    known = {"RayCluster": RAY_CLUSTER, "RayJob": RAY_JOB, "RayService": RAY_SERVICE}[kind]
    found = [] if resource["apiVersion"] == "ray.io/v1" else [f"apiVersion {resource['apiVersion']}"]
    found += _beyond(kind, spec, known)
    if kind == "RayCluster":
        return found + _cluster(spec)
    inner = spec.get("rayClusterSpec", spec.get("rayClusterConfig"))
    if kind == "RayJob":
        found += _chosen(spec, "submissionMode") + _lacks(kind, spec, ["entrypoint"])
        if (inner is None) == ("clusterSelector" not in spec):
            found.append("RayJob: a rayClusterSpec or a clusterSelector, one of them")
        if spec.get("ttlSecondsAfterFinished") and not spec.get("shutdownAfterJobFinishes"):
            found.append("RayJob: ttlSecondsAfterFinished means nothing without shutdownAfterJobFinishes")
    else:
        found += _chosen(spec, "upgradeStrategy.type") + _lacks(kind, spec, ["serveConfigV2", "rayClusterConfig"])
    return found + (_cluster(inner) if inner is not None else [])


def _cluster(spec: dict[str, Any]) -> list[str]:
    found = _beyond("cluster", spec, RAY_CLUSTER)
    found += _lacks("cluster", spec, ["rayVersion", "headGroupSpec", "workerGroupSpecs", "authOptions"])
    for name, known in (
        ("authOptions", AUTH), ("autoscalerOptions", AUTOSCALER), ("gcsFaultToleranceOptions", FAULT_TOLERANCE),
    ):  # fmt: skip
        found += _beyond(name, spec.get(name, {}), known)
    for place in ("authOptions.mode", "autoscalerOptions.version", "autoscalerOptions.upscalingMode"):
        found += _chosen(spec, place)
    groups = [("head", spec["headGroupSpec"], HEAD)]
    groups += [(f"workers {each.get('groupName')}", each, WORKERS) for each in spec["workerGroupSpecs"]]
    for name, group, known in groups:
        found += _beyond(name, group, known) + _lacks(name, group, ["template", "rayStartParams"])
        found += [
            f"{name}: {key} is no text" for key, value in group["rayStartParams"].items() if type(value) is not str
        ]
        pod = group["template"]["spec"]
        found += _beyond(f"{name}'s pod", pod, POD) + _lacks(f"{name}'s pod", pod, ["containers", "volumes"])
        for each in pod["containers"]:
            found += _beyond(f"{name}'s {each['name']}", each, CONTAINER)
            found += _lacks(f"{name}'s {each['name']}", each, ["image", "resources", "securityContext", "volumeMounts"])
            kept = {volume["name"] for volume in pod["volumes"]}
            found += [f"{name}: no volume {one['name']}" for one in each["volumeMounts"] if one["name"] not in kept]
    for each in spec["workerGroupSpecs"]:
        name = f"workers {each.get('groupName')}"
        found += _lacks(name, each, ["groupName", "replicas", "minReplicas", "maxReplicas"])
        if not each["minReplicas"] <= each["replicas"] <= each["maxReplicas"]:
            found.append(f"{name}: replicas are not between their bounds")
    return found


def _beyond(place: str, content: dict[str, Any], known: set[str]) -> list[str]:
    return [f"{place}: {name} is no field of it" for name in content if name not in known]


def _lacks(place: str, content: dict[str, Any], wanted: list[str]) -> list[str]:
    return [f"{place}: {name} is not there" for name in wanted if name not in content]


def _chosen(spec: dict[str, Any], place: str) -> list[str]:
    value: Any = spec
    for name in place.split("."):
        value = value.get(name, {}) if isinstance(value, dict) else {}
    return [] if value == {} or value in CHOICES[place] else [f"{place}: {value!r} is none of its values"]
