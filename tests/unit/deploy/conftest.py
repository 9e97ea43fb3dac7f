"""The overlays, rendered once per process of pytest."""

import re
import shutil

import pytest

from tests.unit.deploy.files import KUBERNETES
from tests.unit.deploy.manifests import Manifests, render

OVERLAYS = ("development", "production", "everything")


@pytest.fixture(scope="session")
def development() -> Manifests:
    """Render the small one."""
    return render(KUBERNETES / "overlays/development")


@pytest.fixture(scope="session")
def production() -> Manifests:
    """Render the large one, as it is committed."""
    return render(KUBERNETES / "overlays/production")


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """Render production with its optional components, taken in as its comment says."""
    copy = shutil.copytree(KUBERNETES, tmp_path_factory.mktemp("k8s") / "k8s")
    file = copy / "overlays/production/kustomization.yaml"
    text, count = re.subn(
        r"^  # - \.\./\.\./components/", "  - ../../components/", file.read_text(), flags=re.MULTILINE
    )
    assert count == 2, "two optional components are offered"
    file.write_text(text)
    return render(file.parent)


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Manifests:
    """Render each of them."""
    rendered: Manifests = request.getfixturevalue(request.param)
    return rendered
