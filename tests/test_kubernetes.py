"""The manifests of deploy/kubernetes: by Kubernetes' own schemas, without rights, and of one piece with one another."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from regrade.serving.base.settings import Settings
from regrade.serving.http.routes.api import health

FOLDER = Path(__file__).parents[1] / "deploy" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
ALL = [
    one
    for file in FILES
    if file.name != "kustomization.yaml"
    for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
VERSIONS = ["1.31", "1.33", "1.35"]


def name_of(one: dict[str, Any]) -> str:
    return f"{one['kind']}-{one['metadata']['name']}"


def templates() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every template of a pod, by the name of what makes it."""
    for one in ALL:
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield name_of(one), spec["template"]


TEMPLATES = dict(templates())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("one", ALL, ids=name_of)
def test_each_is_what_kubernetes_takes_and_has_no_field_that_it_does_not_know(
    one: dict[str, Any], version: str
) -> None:
    kubernetes_validate.validate(one, version, strict=True)


def test_a_wrong_field_would_be_found() -> None:
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": [{"port": 80}]}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_all_files_are_applied_and_no_other() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == [one.name for one in FILES if one.name != "kustomization.yaml"]
    assert len({name_of(one) for one in ALL}) == len(ALL)


@pytest.mark.parametrize("name", TEMPLATES)
def test_pods_have_no_rights_and_bounds(name: str) -> None:
    spec = TEMPLATES[name]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
        if container["image"] == "regrade":
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/data", "/tmp"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_a_pod_mounts_and_reads_is_there(name: str) -> None:
    spec = TEMPLATES[name]["spec"]
    claims = {one["metadata"]["name"] for one in ALL if one["kind"] == "PersistentVolumeClaim"}
    owned = {claim["metadata"]["name"] for one in ALL for claim in one.get("spec", {}).get("volumeClaimTemplates", ())}
    volumes = {one["name"] for one in spec.get("volumes", ())}
    for volume in spec.get("volumes", ()):
        assert "persistentVolumeClaim" not in volume or volume["persistentVolumeClaim"]["claimName"] in claims
    told = (FOLDER / "postgres.yaml").read_text(encoding="utf-8")
    for container in spec["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes | owned
        for variable in container.get("env", ()):
            if secret := variable.get("valueFrom", {}).get("secretKeyRef"):
                assert f"secret generic {secret['name']}" in told
                assert f"from-literal={secret['key']}=" in told


def test_selectors_find_the_pods() -> None:
    labels = [template["metadata"]["labels"] for template in TEMPLATES.values()]
    for one in ALL:
        spec = one.get("spec", {})
        if one["kind"] == "Service":
            wanted = spec["selector"]
        elif one["kind"] in {"PodDisruptionBudget", "Deployment", "StatefulSet"}:
            wanted = spec["selector"]["matchLabels"]
        elif one["kind"] == "NetworkPolicy":
            wanted = spec["podSelector"]["matchLabels"]
        else:
            continue
        assert any(wanted.items() <= found.items() for found in labels), name_of(one)


def test_whatever_asks_the_database_is_let_through() -> None:
    for name, template in TEMPLATES.items():
        asks = "REGRADE_DATABASE_URL" in str(template)
        assert (template["metadata"]["labels"].get("uses") == "postgres") == asks, name


def test_probes_ask_for_paths_that_there_are_and_settings_exist() -> None:
    paths = {getattr(route, "path", None) for route in health.router.routes}
    (container,) = TEMPLATES["Deployment-regrade"]["spec"]["containers"]
    probes = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert set(probes.values()) <= paths
    assert probes["livenessProbe"].endswith("/live"), "a service that is only busy must not be ended"
    text = "\n".join(file.read_text(encoding="utf-8") for file in FILES)
    assert {name.lower() for name in re.findall(r"REGRADE_([A-Z_]+)", text)} <= set(Settings.model_fields)


def test_what_is_under_way_is_answered_before_a_pod_ends() -> None:
    spec = TEMPLATES["Deployment-regrade"]["spec"]
    (container,) = spec["containers"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] > pause + Settings.model_fields["shutdown_timeout"].default
    (deployment,) = [one for one in ALL if one["kind"] == "Deployment"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
