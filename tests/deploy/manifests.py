"""The Kubernetes manifests, and what is wrong with them, each in a sentence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from orderkeep.config import Settings
from orderkeep.entrypoints.cli.session import STORE_FILE
from orderkeep.infrastructure.postgres_repo.repository import POOL_SIZE
from tests.conftest import CHECKOUT
from tests.deploy.image_rules import VERSION

Yaml = dict[str, Any]

FOLDER = CHECKOUT / "deploy" / "kubernetes"
USER = 10001
SPARE_SECONDS = 5
SECONDS_TO_END = 10
"""How long the service may take after SIGTERM, whatever is under way."""

CONNECTIONS = 97
"""What PostgreSQL gives to ordinary users, unless told otherwise."""

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def read() -> dict[str, Yaml]:
    """Return the manifests, each by its kind."""
    return {found["kind"]: found for found in map(_one, sorted(FOLDER.glob("*.yaml*")))}


def _one(file: Path) -> Yaml:
    [found] = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def variables(manifests: dict[str, Yaml]) -> dict[str, str]:
    """Return what the ConfigMap puts into the environment."""
    data: dict[str, str] = manifests["ConfigMap"]["data"]
    return data


def findings(manifests: dict[str, Yaml], routes: set[str], port: int) -> list[str]:
    """Return what does not hold, for a service with these routes on that port."""
    return [
        *_of_pod("Deployment", manifests),
        *_of_pod("Job", manifests),
        *_of_probes(manifests, routes, port),
        *_of_names(manifests, port),
        *_of_settings(manifests),
        *_of_the_end(manifests),
    ]


def _of_pod(kind: str, manifests: dict[str, Yaml]) -> Iterator[str]:
    pod = manifests[kind]["spec"]["template"]["spec"]
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or {security.get(name) for name in ("runAsUser", "runAsGroup")} != {USER}:
        yield f"{kind}: it does not run as {USER}"
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield f"{kind}: every system call is allowed"
    if pod.get("automountServiceAccountToken") is not False:
        yield f"{kind}: it is given a token of the cluster"
    if pod.get("enableServiceLinks") is not False:
        yield f"{kind}: a Service named orderkeep sets its ORDERKEEP_PORT"
    [container] = pod["containers"]
    if container.get("securityContext") != RESTRICTED:
        yield f"{kind}: its container may more than it needs"
    if container["image"].rpartition("/")[2] != f"orderkeep:{VERSION}":
        yield f"{kind}: its image is not orderkeep:{VERSION}"
    if not {"requests", "limits"} <= container.get("resources", {}).keys():
        yield f"{kind}: nobody says what it needs"
    path, _, key = variables(manifests).get(STORE_FILE, "").rpartition("/")
    mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    if secrets.get(mounts.get(path, "")) != manifests["Secret"]["metadata"]["name"]:
        yield f"{kind}: the secret is not where {STORE_FILE} says"
    if key not in manifests["Secret"]["stringData"]:
        yield f"{kind}: the secret has no {key}"


def _of_probes(manifests: dict[str, Yaml], routes: set[str], port: int) -> Iterator[str]:
    [container] = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    for name, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        asked = container.get(name, {}).get("httpGet", {})
        if asked != {"path": path, "port": "http"} or path not in routes:
            yield f"{name}: it does not ask {path}"
    if container["ports"] != [{"name": "http", "containerPort": port}]:
        yield f"Deployment: its port is not {port}"
    scraped = manifests["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    if (scraped["prometheus.io/path"], scraped["prometheus.io/port"]) != ("/metrics", str(port)):
        yield "Deployment: its metrics are not where they are looked for"


def _of_names(manifests: dict[str, Yaml], port: int) -> Iterator[str]:
    pods = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    job = manifests["Job"]["spec"]["template"]["metadata"]["labels"].items()
    chosen = {
        "Deployment": manifests["Deployment"]["spec"]["selector"]["matchLabels"],
        "Service": manifests["Service"]["spec"]["selector"],
        "PodDisruptionBudget": manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    }
    for kind, labels in chosen.items():
        if not labels.items() <= pods or labels.items() <= job:
            yield f"{kind}: it does not choose the pods of the Deployment alone"
    policy = manifests["NetworkPolicy"]["spec"]
    if not policy["podSelector"]["matchLabels"].items() <= pods & job:
        yield "NetworkPolicy: it leaves pods out"
    if [rule["ports"] for rule in policy["ingress"]] != [[{"protocol": "TCP", "port": port}]]:
        yield f"NetworkPolicy: it opens more or less than {port}"
    if manifests["Service"]["spec"]["type"] != "ClusterIP":
        yield "Service: it is open to others"
    if manifests["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] != _name(manifests["Deployment"]):
        yield "HorizontalPodAutoscaler: it scales something else"
    if manifests["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] != _name(manifests["ServiceAccount"]):
        yield "ServiceAccount: nobody uses it"
    sources = [
        source["configMapRef"]["name"]
        for kind in ("Deployment", "Job")
        for container in manifests[kind]["spec"]["template"]["spec"]["containers"]
        for source in container["envFrom"]
    ]
    if set(sources) != {_name(manifests["ConfigMap"])}:
        yield "ConfigMap: it is not what the pods read"


def _name(manifest: Yaml) -> str:
    return str(manifest["metadata"]["name"])


def _of_settings(manifests: dict[str, Yaml]) -> Iterator[str]:
    known = {f"ORDERKEEP_{name.upper()}" for name in Settings.model_fields} | {STORE_FILE}
    for name in variables(manifests).keys() - known:
        yield f"ConfigMap: there is no setting {name}"
    if not variables(manifests).get("ORDERKEEP_AUTH"):
        yield "ConfigMap: nobody need show who they are"
    if not variables(manifests).get("ORDERKEEP_DOCUMENTS", "").startswith("s3://"):
        yield "ConfigMap: documents are kept where replicas do not share them"
    scaler = manifests["HorizontalPodAutoscaler"]["spec"]
    surge = manifests["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    if (scaler["maxReplicas"] + surge) * POOL_SIZE > CONNECTIONS:
        yield "HorizontalPodAutoscaler: PostgreSQL has not as many connections"


def _of_the_end(manifests: dict[str, Yaml]) -> Iterator[str]:
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    waiting = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    finishing = sum(int(variables(manifests)[f"ORDERKEEP_{name}_SECONDS"]) for name in ("DRAIN", "SHUTDOWN"))
    if finishing >= SECONDS_TO_END:
        yield f"ConfigMap: it does not end within {SECONDS_TO_END} seconds"
    if pod["terminationGracePeriodSeconds"] < waiting + finishing + SPARE_SECONDS:
        yield "Deployment: it is killed before it has finished"
