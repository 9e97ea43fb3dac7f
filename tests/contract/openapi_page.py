"""Writes docs/http/openapi.json: `python -m tests.contract.openapi_page`."""

import json
from pathlib import Path
from typing import Final

from inventory_stream.gateway.openapi.document import document
from tests.contract.fake_gateway import FakeGateway

PAGE: Final = Path("docs/http/openapi.json")

if __name__ == "__main__":
    PAGE.write_text(json.dumps(document(FakeGateway().endpoints), indent=1, ensure_ascii=False) + "\n")
