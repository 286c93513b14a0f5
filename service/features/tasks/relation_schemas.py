"""Relations of tasks on the wire."""

from msgspec import Struct

from service.features.tasks.relation_domain import Relation


class TaskRelations(Struct, frozen=True):
    """All relations of a task to tasks that are not deleted, by kind and then by their numbers."""

    items: list[Relation]
