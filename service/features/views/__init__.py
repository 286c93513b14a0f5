"""Saved views: filters of tasks under a name, one's own or a project's."""
