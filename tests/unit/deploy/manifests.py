"""The manifests as kustomize renders them, and questions that tests ask of them."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

Manifest = dict[str, Any]

WORKLOADS: Final = ("Job", "StatefulSet", "Deployment")
RENDER_SECONDS_MAX: Final = 60
"""It takes 0.1 s; the rest is for a busy machine."""


def find_kustomize() -> str:
    """Give the program's path; skip where it is not installed."""
    go_bin = Path(os.environ.get("GOPATH", Path.home() / "go")) / "bin"
    found = shutil.which("kustomize", path=f"{os.environ.get('PATH', '')}:{go_bin}")
    if found is None:
        pytest.skip("kustomize is missing: go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1")
    return found


def render(folder: Path) -> "Manifests":
    """Run `kustomize build`."""
    done = subprocess.run(  # noqa: S603  # our own files
        [find_kustomize(), "build", str(folder)],
        capture_output=True,
        text=True,
        timeout=RENDER_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Manifests(tuple(yaml.safe_load_all(done.stdout)))


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    """Say whether a label selector of Kubernetes takes an object with these labels."""
    pairs: dict[str, str] = selector.get("matchLabels", {})
    terms: list[Manifest] = selector.get("matchExpressions", [])
    assert all(term["operator"] == "In" for term in terms), "teach this function the other operators"
    return all(labels.get(key) == value for key, value in pairs.items()) and all(
        labels.get(term["key"]) in term["values"] for term in terms
    )


@dataclass(frozen=True, slots=True)
class Manifests:
    """What one `kustomize build` gives."""

    objects: tuple[Manifest, ...]

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """Give all objects of these kinds."""
        return [one for one in self.objects if one["kind"] in kinds]

    def the(self, kind: str, name: str) -> Manifest:
        """Give the one object of this kind and name."""
        (found,) = [one for one in self.of_kind(kind) if one["metadata"]["name"] == name]
        return found

    @property
    def workloads(self) -> list[Manifest]:
        """Whatever makes pods of ours."""
        return self.of_kind(*WORKLOADS)

    def workers(self) -> list[Manifest]:
        """The workloads that run until they are stopped."""
        return self.of_kind("StatefulSet", "Deployment")

    def selected(self, selector: Manifest) -> set[str]:
        """Give the names of the workloads whose pods a selector takes."""
        return {name_of(one) for one in self.workloads if matches(selector, pod_labels(one))}

    def environment(self, workload: Manifest) -> dict[str, str]:
        """Give the variables of a workload's container, as its first pod would have them."""
        container = container_of(workload)
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            found |= self.the("ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in container.get("env", []):
            assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
            found[variable["name"]] = f"{name_of(workload)}-0"
        return found


def name_of(manifest: Manifest) -> str:
    """Give an object's name."""
    name: str = manifest["metadata"]["name"]
    return name


def pod_of(workload: Manifest) -> Manifest:
    """Give the pod's spec."""
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def pod_labels(workload: Manifest) -> dict[str, str]:
    """Give the labels of the pods."""
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def container_of(workload: Manifest) -> Manifest:
    """Give the only container."""
    (container,) = pod_of(workload)["containers"]
    found: Manifest = container
    return found


def secret_names(workload: Manifest) -> list[str]:
    """Give the Secrets that a pod mounts."""
    return [
        source["secret"]["name"]
        for volume in pod_of(workload)["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    ]
