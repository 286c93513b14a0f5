"""Under which account PostgreSQL runs: it refuses root, so root needs another identity for it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.adapters.embedded_postgres.failure import EmbeddedPostgresFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

# In a user namespace of its own, root is shown as nobody and still owns its files: nothing has to change hands.
_AS_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")
# Nothing else of our environment is PostgreSQL's business, least of all secrets and PG* variables.
_PASSED_ON = ("PATH", "HOME", "TMPDIR")


@dataclass(frozen=True)
class Account:
    """An identity to run PostgreSQL's programs with."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def run(
        self,
        command: Sequence[str | Path],
        *,
        output: IO[bytes] | int = subprocess.PIPE,
        text: str = "",
        **variables: str,
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs `command` to its end with `text` as input, and a bare environment plus `variables`.

        Raises:
            OSError: the program can't be started.
        """
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return subprocess.run(
            [*self.prefix, *map(str, command)],
            input=text.encode(),
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, "LC_ALL": "C", **variables},
            cwd="/",
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            check=False,
        )

    def own(self, path: Path) -> None:
        """Gives `path` and all below it to this account, where it is another than ours."""
        if self.uid is None:
            return
        for folder, _, files in os.walk(path):
            for name in (Path(folder), *(Path(folder, file) for file in files)):
                os.chown(name, self.uid, -1 if self.gid is None else self.gid, follow_symlinks=False)

    def admit(self, folder: Path) -> None:
        """Lets this account pass through `folder`, without letting it look around."""
        mode = folder.stat().st_mode
        if self.uid is not None and mode & 0o011 != 0o011:
            folder.chmod(mode | 0o011)


def account_for(data: Path) -> Account:
    """The account that PostgreSQL runs with on the folder `data`, which need not exist yet.

    Raises:
        EmbeddedPostgresFailed: the folder is another user's, or root has nobody to hand it to.
    """
    owner = data.stat().st_uid if data.exists() else os.geteuid()
    if os.geteuid() != 0:
        if owner != os.geteuid():
            raise EmbeddedPostgresFailed(
                f"{data} belongs to {_name(owner)}. Start Worklane as {_name(owner)},"
                " or set WORKLANE_DATA_DIR to a folder of your own."
            )
        return Account()
    if owner != 0:
        return Account(uid=owner, gid=data.stat().st_gid)
    if _namespaces_work():
        return Account(prefix=_AS_NOBODY)
    return _service_account(data)


def _namespaces_work() -> bool:
    if shutil.which("unshare") is None:
        return False
    return Account(prefix=_AS_NOBODY).run(["true"]).returncode == 0


def _service_account(data: Path) -> Account:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        account = Account(uid=entry.pw_uid, gid=entry.pw_gid)
        # The folder's parents must let it through: it fails below a home of mode 0700.
        if account.run(["test", "-x", data.parent.parent]).returncode == 0:
            return account
    raise EmbeddedPostgresFailed(
        f"PostgreSQL refuses to run as root, and neither `postgres` nor `nobody` can reach {data.parent.parent}."
        " Start Worklane as a plain user, set WORKLANE_DATA_DIR to a folder that they can enter, or set DATABASE_URL."
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
