"""Locked by default: a token everywhere, no door to the world, no secret in a file, pods that may do nothing more."""

from __future__ import annotations

import re
from ipaddress import ip_network

from tests.cluster_files.folder import (
    COMPOSE,
    DOCKERFILE,
    FOLDER,
    KUBERAY,
    PROSE,
    UP,
    containers,
    documents,
    files,
    of_kind,
    pods,
    ray_clusters,
    strings,
)

PLATFORM = FOLDER.parent / "platform" / "invplat"
PLACEHOLDER = "REPLACE_ME"
SECRET = re.compile(r"(?i)(password|passwd|secret|token|_key)$")
SHOWN = re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN|ghp_\w{20}|ivp_[0-9a-f]{16}_|eyJ[\w-]{20}")


def test_ray_asks_for_a_token_everywhere() -> None:
    for spec in ray_clusters():
        assert spec["authOptions"]["mode"] == "token"
    assert "RAY_AUTH_MODE=token" in DOCKERFILE.read_text(encoding="utf-8")
    (nightly,) = [each["spec"]["jobTemplate"]["spec"]["template"] for each in of_kind("CronJob")]
    environment = {one["name"]: one for one in nightly["spec"]["containers"][0]["env"]}
    assert environment["RAY_AUTH_MODE"]["value"] == "token"
    assert environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]["key"] == "auth_token"
    for path in UP:
        (found,) = documents(path)
        assert "--env RAY_AUTH_MODE=token" in found["docker"]["run_options"]
        place = next(one for one in found["docker"]["run_options"] if "RAY_AUTH_TOKEN_PATH" in one).partition("=")[2]
        assert place in found["file_mounts"]
    for name in ("head", "worker"):
        environment = documents(COMPOSE)[0]["services"][name]["environment"]
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN"].startswith("${RAY_AUTH_TOKEN:?")
    everything = "".join(path.read_text(encoding="utf-8") for path in files(".yaml", ".yml", ".md"))
    assert "RAY_AUTH_MODE=disabled" not in everything
    assert not re.search(r"mode: disabled", everything)


def test_nobody_is_let_in_who_is_not_named() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind("NetworkPolicy")}
    assert policies["deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, spec in policies.items():
        for rule in spec.get("ingress", ()):
            assert rule.get("from"), f"{name} lets in everybody"
            for peer in rule["from"]:
                assert "ipBlock" not in peer, f"{name} lets in addresses"
                assert any(peer.values()), f"{name}: an empty selector is everybody"
                if "namespaceSelector" in peer:
                    assert rule["ports"], f"{name} opens every port to a namespace"
    to_ray = {
        name: {port["port"] for rule in spec.get("ingress", ()) for port in rule.get("ports", ())}
        for name, spec in policies.items()
        if name not in ("deny", "ray-inside")
    }
    for name, ports in to_ray.items():
        assert ports <= {6379, 8000, 8080, 8265, 9100, 30000}, name
        commands = not ports.isdisjoint({6379, 8265})
        assert not commands or name in ("operator-in", "nightly-in"), "that is code of anybody's choice"


def test_pods_reach_out_only_where_they_must() -> None:
    for each in of_kind("NetworkPolicy"):
        for rule in each["spec"].get("egress", ()):
            assert rule.get("to"), each["metadata"]["name"]
            for peer in rule["to"]:
                block = peer.get("ipBlock")
                if block is None:
                    continue
                assert rule["ports"]
                if ip_network(block["cidr"]).prefixlen == 0:
                    assert [port["port"] for port in rule["ports"]] == [443]
                    kept_from = [ip_network(one) for one in block["except"]]
                    assert any(ip_network("169.254.169.254/32").subnet_of(one) for one in kept_from), (
                        "credentials of nodes"
                    )


def test_the_only_way_in_ends_tls_and_leads_to_serve() -> None:
    (ingress,) = of_kind("Ingress")
    hosts = [rule["host"] for rule in ingress["spec"]["rules"]]
    assert hosts == ingress["spec"]["tls"][0]["hosts"]
    assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/ssl-redirect"] == "true"
    for spec in ray_clusters():
        assert not {"enableIngress", "serviceType", "ingressOptions"} & set(spec["headGroupSpec"])
    kinds = [each for path in KUBERAY.glob("*.yaml") for each in documents(path) if each["kind"] == "Service"]
    assert kinds == [], "KubeRay makes those that are needed"


def test_ports_of_one_machine_are_its_own() -> None:
    for name, each in documents(COMPOSE)[0]["services"].items():
        assert [port for port in each.get("ports", ()) if not port.startswith("127.0.0.1:")] == [], name
    for path in UP:
        (found,) = documents(path)
        assert found["provider"]["use_internal_ips"] is True
        assert any("--dashboard-host=127.0.0.1" in line for line in found["head_start_ray_commands"])
        assert "accessConfigs" not in str(found)
        assert "IpPermissions" not in str(found)


def test_pods_may_do_nothing_more_than_they_need() -> None:
    (namespace,) = of_kind("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in pods():
        rights = pod["spec"]["securityContext"]
        assert rights["runAsNonRoot"] is True
        assert rights["runAsUser"] > 0
        assert rights["seccompProfile"]["type"] == "RuntimeDefault"
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
        assert all(set(volume) & {"emptyDir", "configMap", "secret", "projected"} for volume in pod["spec"]["volumes"])
    for container in (*containers(), *(spec["autoscalerOptions"] for spec in ray_clusters())):
        rights = container["securityContext"]
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["capabilities"]["drop"] == ["ALL"]
    for spec in ray_clusters():
        for group in spec["workerGroupSpecs"]:
            assert group["template"]["spec"]["automountServiceAccountToken"] is False
    accounts = {each["metadata"]["name"]: each for each in of_kind("ServiceAccount")}
    assert accounts["invplat-worker"]["automountServiceAccountToken"] is False
    rights_given = [each for path in KUBERAY.glob("*.yaml") for each in documents(path) if "Role" in each["kind"]]
    assert rights_given == []


def test_the_image_runs_as_nobody_special() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    (user,) = re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    assert "0" not in user
    assert f"--uid {user[0]}" in text
    for pod in pods():
        assert pod["spec"]["securityContext"]["runAsUser"] == int(user[0])


def test_no_file_holds_a_secret() -> None:
    for path in (*(one for one in FOLDER.rglob("*") if one.is_file()), *PROSE):
        assert not SHOWN.search(path.read_text(encoding="utf-8")), path.name
    for each in of_kind("Secret"):
        assert "data" not in each, "base64 hides nothing"
        assert all(PLACEHOLDER in value for value in each["stringData"].values()), each["metadata"]["name"]
    for name in documents(KUBERAY / "kustomization.yaml")[0]["resources"]:
        assert all(each["kind"] != "Secret" for each in documents(KUBERAY / name))
    for line in (COMPOSE.parent / ".env.example").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if SECRET.search(name):
            assert value == PLACEHOLDER, name
    assert ".env" in (COMPOSE.parent / ".gitignore").read_text(encoding="utf-8").split()
    for service, each in documents(COMPOSE)[0]["services"].items():
        for name, value in each.get("environment", {}).items():
            if SECRET.search(name):
                assert re.match(r"\$\{\w+:\?", value), f"{service}: {name}"
    for container in containers():
        for one in container.get("env", ()):
            assert "value" not in one or not SECRET.search(one["name"]), one["name"]
    for path in files(".yaml", ".yml", ".json"):
        for document in documents(path):
            for text in strings(document):
                for password in re.findall(r"://[^/@:\s]+:([^@\s]+)@", text):
                    assert password == PLACEHOLDER or password.startswith("${"), f"{path.name}: a password in a URL"


def test_bytes_are_encrypted_and_apart() -> None:
    policies = {path.stem: documents(path)[0] for path in files(".json") if path.parent.name == "policies"}
    for name in ("s3-platform", "s3-tenant"):
        for statement in policies[name]["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            assert all("*" not in action for action in actions)
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            if actions == ["s3:ListBucket"]:
                asked = statement["Condition"]["StringLike"]["s3:prefix"]
                assert all(one.startswith("invplat/") for one in ([asked] if isinstance(asked, str) else asked))
            elif any(action.startswith("s3:") for action in actions):
                assert all(re.fullmatch(r"arn:aws:s3:::REPLACE_ME/invplat/.+/\*", one) for one in resources)
    own = [one for one in policies["s3-tenant"]["Statement"] if one["Sid"] == "ReadItsOwn"]
    assert own[0]["Resource"].endswith("/invplat/tenants/${aws:PrincipalTag/tenant}/*")
    (rule,) = policies["s3-encryption"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    denied = {one["Sid"]: one for one in policies["s3-bucket"]["Statement"]}
    assert denied["OnlyOverTLS"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert all(one["Effect"] == "Deny" for one in denied.values())
    for kind in documents(FOLDER / "up" / "aws.yaml")[0]["available_node_types"].values():
        assert all(disk["Ebs"]["Encrypted"] is True for disk in kind["node_config"]["BlockDeviceMappings"])
        assert kind["node_config"]["MetadataOptions"]["HttpTokens"] == "required"


def test_the_platform_may_write_where_it_writes() -> None:
    from invplat.data.dataset import data_prefix, versions_prefix
    from invplat.registry.models import _folder
    from invplat.registry.shared import FOLDER as SHARED
    from invplat.tune.record import ROOT

    (policy,) = documents(FOLDER / "policies" / "s3-platform.json")
    fits = (PLATFORM / "train" / "worker.py").read_text(encoding="utf-8")
    (fit,) = re.findall(r'return f"(\w+)/\{sha256', fits)
    (allowed,) = [one["Resource"] for one in policy["Statement"] if one["Sid"] == "ReadWriteRemove"]
    for place in (data_prefix("shop"), versions_prefix("shop"), _folder(None), _folder("shop"), SHARED, ROOT, fit):
        assert any(f"arn:aws:s3:::REPLACE_ME/invplat/{place}/".startswith(one.rstrip("*")) for one in allowed), place
