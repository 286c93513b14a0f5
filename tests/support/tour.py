"""The README's tour as commands and what each must print."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def steps() -> list[tuple[str, str]]:
    """Each command of the console blocks with its output."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output.strip()))
    return found


def script(port: int) -> str:
    """The commands as one shell script that marks where each output begins."""
    commands = [command.replace("127.0.0.1:8000", f"127.0.0.1:{port}") for command, _ in steps()]
    return "\n".join(line for number, command in enumerate(commands) for line in (f"echo '#{number}'", command, "echo"))


def outputs(printed: str) -> list[str]:
    """What each command printed."""
    return [part.partition("\n")[2].strip() for part in re.split(r"^#(?=\d+$)", printed, flags=re.MULTILINE)[1:]]
