"""Where the files of the deployment are, and what of the code they must agree with."""

from pathlib import Path
from typing import Any, Final

import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[3]
KUBERNETES: Final = REPOSITORY / "k8s"
COMPOSE_FILE: Final = REPOSITORY / "docker-compose.yml"
DOCKERFILE: Final = REPOSITORY / "Dockerfile"

MONITORING_PORT: Final = 9464
HTTP_PORT: Final = 8080
"""Of a gateway's API."""
STOP_SECONDS: Final = 10
"""A process may take this long from SIGTERM to its end (design section 6)."""


def compose() -> dict[str, Any]:
    """Read docker-compose.yml, anchors resolved."""
    content: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    return content
