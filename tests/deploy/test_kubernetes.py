"""The manifests in deploy/kubernetes are valid, fit each other, and fit the code: its routes, settings and version."""

import copy
from typing import Any

import kubernetes_validate
import pytest

from orderkeep.entrypoints.api.app import ROUTES
from orderkeep.entrypoints.cli.session import STORE_FILE
from tests.deploy import trees
from tests.deploy.container import Container
from tests.deploy.manifests import FOLDER, USER, Yaml, findings, read, variables
from tests.deploy.replay import Image

MANIFESTS = read()
KINDS = {"ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "PodDisruptionBudget"}
POD = ("spec", "template", "spec")


def routes() -> set[str]:
    return {route.path for route in ROUTES}


@pytest.mark.parametrize("version", ["1.34", "1.37"])
@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_manifest_is_valid_to_the_letter(kind: str, version: str) -> None:
    assert kubernetes_validate.validate(MANIFESTS[kind], version, strict=True) == version


@pytest.mark.parametrize(
    "planted",
    [{"replica": 2}, {"paused": "no"}, {"template": {"spec": {"containers": [{"image": "orderkeep"}]}}}],
)
def test_what_kubernetes_would_reject_is_found(planted: dict[str, Any]) -> None:
    manifest = copy.deepcopy(MANIFESTS["Deployment"])
    manifest["spec"] |= planted
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, "1.37", strict=True)


def test_every_manifest_is_of_a_kind_of_its_own() -> None:
    assert set(MANIFESTS) == KINDS | {"Secret", "Service", "ServiceAccount"}


def test_applying_the_whole_folder_leaves_the_secret_alone() -> None:
    applied = [
        file.read_text(encoding="utf-8") for file in FOLDER.iterdir() if file.suffix in {".yaml", ".yml", ".json"}
    ]
    assert len(applied) == len(KINDS | {"Service", "ServiceAccount"})
    assert not any("kind: Secret" in manifest for manifest in applied)


def test_nothing_in_the_manifests_contradicts_the_code(image: Image) -> None:
    assert findings(MANIFESTS, routes(), int(image.environment["ORDERKEEP_PORT"])) == []
    assert image.user == f"{USER}:{USER}"


@pytest.mark.parametrize(
    "kind, at, planted, found",
    [
        ("Deployment", (*POD, "securityContext", "runAsUser"), 0, "Deployment: it does not run as 10001"),
        ("Job", (*POD, "securityContext", "runAsNonRoot"), False, "Job: it does not run as 10001"),
        ("Job", (*POD, "securityContext", "seccompProfile"), {"type": "Unconfined"}, "Job: every system call is "),
        ("Deployment", (*POD, "automountServiceAccountToken"), True, "Deployment: it is given a token"),
        ("Deployment", (*POD, "enableServiceLinks"), True, "Deployment: a Service named orderkeep sets its ORDERKEEP_"),
        ("Deployment", (*POD, "containers", 0, "securityContext", "readOnlyRootFilesystem"), False, "Deployment: its "),
        ("Job", (*POD, "containers", 0, "image"), "example.com/orderkeep:0.0.9", "Job: its image is not orderkeep:"),
        ("Job", (*POD, "containers", 0, "resources"), {}, "Job: nobody says what it needs"),
        ("Job", (*POD, "containers", 0, "volumeMounts", 0, "mountPath"), "/elsewhere", "Job: the secret is not where "),
        ("Secret", ("stringData",), {"url": "postgresql://"}, "Deployment: the secret has no store"),
        ("Deployment", (*POD, "containers", 0, "livenessProbe", "httpGet", "path"), "/readyz", "livenessProbe: it "),
        ("Deployment", (*POD, "containers", 0, "readinessProbe", "httpGet", "path"), "/health", "readinessProbe: it "),
        ("Deployment", (*POD, "containers", 0, "ports", 0, "containerPort"), 8080, "Deployment: its port is not 8000"),
        ("Service", ("spec", "selector"), {"app": "orderkeep"}, "Service: it does not choose the pods"),
        ("Service", ("spec", "selector"), {"app.kubernetes.io/name": "orderkeep"}, "Service: it does not choose the "),
        ("Service", ("spec", "type"), "LoadBalancer", "Service: it is open to others"),
        ("NetworkPolicy", ("spec", "ingress", 0, "ports", 0, "port"), 80, "NetworkPolicy: it opens more or less"),
        ("HorizontalPodAutoscaler", ("spec", "scaleTargetRef", "name"), "web", "HorizontalPodAutoscaler: it scales "),
        ("HorizontalPodAutoscaler", ("spec", "maxReplicas"), 9, "HorizontalPodAutoscaler: PostgreSQL has not as many"),
        ("ConfigMap", ("data", "ORDERKEEP_THREADS"), "4", "ConfigMap: there is no setting ORDERKEEP_THREADS"),
        ("ConfigMap", ("data", "ORDERKEEP_DOCUMENTS"), "folder:///documents", "ConfigMap: documents are kept where"),
        ("ConfigMap", ("data", "ORDERKEEP_AUTH"), "", "ConfigMap: nobody need show who they are"),
        ("ConfigMap", ("data", "ORDERKEEP_DRAIN_SECONDS"), "3", "ConfigMap: it does not end within 10 seconds"),
        ("ServiceAccount", ("metadata", "name"), "default", "ServiceAccount: nobody uses it"),
        ("ConfigMap", ("metadata", "name"), "settings", "ConfigMap: it is not what the pods read"),
        ("ConfigMap", ("data", "ORDERKEEP_SHUTDOWN_SECONDS"), "9", "Deployment: it is killed before it has finished"),
    ],
)
def test_what_contradicts_the_code_is_found(kind: str, at: tuple[Any, ...], planted: object, found: str) -> None:
    manifests = copy.deepcopy(MANIFESTS)
    *above, last = at
    place: Any = manifests[kind]
    for name in above:
        place = place[name]
    place[last] = planted
    assert any(said.startswith(found) for said in findings(manifests, routes(), 8000))


def test_a_container_understands_what_the_manifests_set(container: Container) -> None:
    container.image.environment |= variables(MANIFESTS)
    secret: Yaml = MANIFESTS["Secret"]
    container.mount(trees.at(container.image.root, variables(MANIFESTS)[STORE_FILE]), secret["stringData"]["store"])
    told = dict(line.split("\t", 1) for line in container.run("config").stdout.splitlines())
    assert told["auth"] == "keys\tORDERKEEP_AUTH"
    assert told["store"] == (
        "postgresql://orderkeep:***@postgres.example.internal:5432/orders?sslmode=require\tORDERKEEP_STORE_FILE"
    )
    assert told["auto_migrate"] == "false\tORDERKEEP_AUTO_MIGRATE"


def test_what_a_service_of_that_name_puts_into_the_environment_is_rejected(container: Container) -> None:
    container.image.environment["ORDERKEEP_PORT"] = "tcp://10.0.0.1:80"
    answer = container.run("serve")
    assert (answer.returncode, "ORDERKEEP_PORT must be a whole number" in answer.stderr) == (2, True)
