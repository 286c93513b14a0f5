"""Worklane: a headless, self-hosted project and task tracker."""

__version__ = "0.1.0"
