"""`python -m bench`: requests per second and CPU per request of the service, beside a bare server."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import uvloop

from bench.asgi import Unexpected
from bench.comparison import Asked, compare
from bench.profiler import profile
from bench.routes import ROUTES
from bench.scene import OWN_PROJECTS, TASKS_PER_PROJECT, arrange, environment
from bench.servers import free_port
from bench.storm import storm
from service.app import create_app
from service.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

# So that a person's projects are as full as they are meant to be.
_FEWEST_TASKS = OWN_PROJECTS * TASKS_PER_PROJECT


def main() -> None:
    """Measure, or profile one route; an answer that is no success ends the run with code 1."""
    parser = _parser()
    asked = parser.parse_args()
    if asked.tasks < _FEWEST_TASKS or asked.rounds < 1 or asked.seconds <= 0:
        parser.error(f"--tasks takes {_FEWEST_TASKS} or more, --rounds 1 or more, --seconds more than 0")
    wrong: BaseException | None = None
    try:
        with environment(free_port()) as environ:
            if asked.storm:
                storm(environ, asked.seconds, asked.tasks)
            elif asked.profile:
                uvloop.run(_profile(environ, asked))
            else:
                compare(environ, Asked(asked.seconds, asked.rounds, asked.tasks, asked.routes))
    except* Unexpected as errors:  # Litestar's lifespan wraps what passes through it.
        wrong = errors.exceptions[0]
    if wrong is not None:
        sys.exit(f"bench: {wrong}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2, help="per measurement")
    parser.add_argument("--rounds", type=int, default=5, help="of both servers on each route")
    parser.add_argument("--tasks", type=int, default=_FEWEST_TASKS, help="in the database")
    parser.add_argument("--routes", nargs="+", choices=list(ROUTES), default=["get", "list", "post"], help="what to measure")
    parser.add_argument("--profile", choices=list(ROUTES), help="instead, show where this route's time goes in one process")
    parser.add_argument("--storm", action="store_true", help="instead, show what reads take beside 200 logins at once")
    return parser


async def _profile(environ: Mapping[str, str], asked: argparse.Namespace) -> None:
    app = create_app(load_settings(environ))
    async with app.lifespan():
        scene = await arrange(app, environ["DATABASE_URL"], asked.tasks)
        print(f"{ROUTES[asked.profile][0]}, {asked.tasks} tasks")
        await profile(app, ROUTES[asked.profile][1](scene), asked.seconds)


if __name__ == "__main__":
    main()
