"""Compares docs/openapi.json with what the service says of itself; `just openapi-drift` runs it, `just openapi` writes it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from service.adapters.tokens import create_key_file
from service.app import create_app
from service.http.openapi import describe
from service.settings import Database, Settings
from tests.support.generated import ROOT, settle

FILE = ROOT / "docs/openapi.json"


def described() -> str:
    """The description as the file holds it: no instance's address, keys in a stable order."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        create_key_file(keys, "HS256")
        # Nothing connects before the first request, so any address will do.
        app = create_app(Settings(keys_file=keys, database=Database(url="postgresql://nobody@127.0.0.1:1/none")))
    return json.dumps(describe(app, "/"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(settle({FILE: described()}, write="--write" in sys.argv[1:], recipe="just openapi"))
