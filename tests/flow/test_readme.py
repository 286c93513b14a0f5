"""The README's tour, pasted line by line into a shell beside a fresh `serve`, prints what it says."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.support import tour
from tests.support.serving import serve

if TYPE_CHECKING:
    from pathlib import Path


def test_the_tour_prints_what_it_says(tmp_path: Path) -> None:
    with serve(tmp_path / "data") as serving:
        done = subprocess.run(["bash", "-c", tour.script(serving.port)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    printed = tour.outputs(done.stdout)
    assert len(printed) > 15
    assert [(command, output) for (command, _), output in zip(tour.steps(), printed, strict=True)] == tour.steps()
