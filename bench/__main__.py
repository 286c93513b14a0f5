"""`python -m bench`: requests per second and CPU per request of the service, beside a bare server."""

from __future__ import annotations

import argparse
import sys

import uvloop

from bench.asgi import Unexpected
from bench.profiler import profile
from bench.routes import ROUTES
from bench.scene import arrange, environment
from bench.servers import free_port
from service.app import create_app
from service.settings import load_settings


def main() -> None:
    """Measure, or profile one route; an answer that is no success ends the run with code 1."""
    asked = _parser().parse_args()
    port = free_port()
    try:
        with environment(port) as environ:
            if asked.profile:
                uvloop.run(_profile(environ, asked))
    except* Unexpected as errors:  # Litestar's lifespan wraps what passes through it.
        sys.exit(f"bench: {errors.exceptions[0]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2, help="per measurement; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="of each server on each route; default: %(default)s")
    parser.add_argument("--tasks", type=int, default=20_000, help="in the database; default: %(default)s")
    parser.add_argument("--routes", nargs="+", choices=list(ROUTES), default=["get", "list", "post"], help="default: %(default)s")
    parser.add_argument("--profile", choices=list(ROUTES), help="instead, show where this route's time goes in one process")
    return parser


async def _profile(environ: dict[str, str], asked: argparse.Namespace) -> None:
    settings = load_settings(environ)
    app = create_app(settings)
    async with app.lifespan():
        scene = await arrange(app, environ["DATABASE_URL"], asked.tasks)
        print(f"{ROUTES[asked.profile][0]}, {asked.tasks} tasks")
        await profile(app, ROUTES[asked.profile][1](scene), asked.seconds)


if __name__ == "__main__":
    main()
