"""Writes the skeleton of a migration: `python -m piccolo_migrations "add labels"`."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

SKELETON = '''"""{sentence}."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from service.adapters.database.engine import ENGINE

ID = "{id}"
VERSION = "1.38.0"
DESCRIPTION = "{sentence}"
# True for CREATE INDEX CONCURRENTLY and the like: no transaction, so it must bear to run twice.
CONCURRENT = False

SQL = """
"""


async def forwards() -> MigrationManager:
    """Apply it."""
    manager = MigrationManager(migration_id=ID, app_name="worklane", description=DESCRIPTION)

    async def run() -> None:
        await ENGINE.run_ddl(SQL)

    manager.add_raw(run)
    return manager
'''


def main() -> None:
    """Write the file and say where it is."""
    words = " ".join(sys.argv[1:]).strip()
    if not words:
        sys.exit('Say what it does: just migration "add labels"')
    now = datetime.now(UTC)
    name = re.sub(r"\W", "_", f"worklane_{now:%Y_%m_%dt%H_%M_%S_%f}")
    path = Path(__file__).parent / f"{name}.py"
    path.write_text(SKELETON.format(sentence=words[0].upper() + words[1:], id=f"{now:%Y-%m-%dT%H:%M:%S:%f}"), encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
