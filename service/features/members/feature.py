"""The members feature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.adapters.tokens import new_secret
from service.features.members.controller import MemberController
from service.features.members.invitation_controller import InvitationController
from service.features.members.invitation_ports import Invitations
from service.features.members.invitation_repository import PiccoloInvitations
from service.features.members.invitation_use_cases import InvitationWrites
from service.features.members.repository import PiccoloMembers
from service.features.members.use_cases import Kit, MemberWrites
from service.features.projects.ports import Projects
from service.features.tasks.unassigning import Unassigning
from service.wiring import Feature, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.wiring import Ports, Provided


def provide(ports: Ports, provided: Provided) -> Mapping[str, object]:
    """What handlers and other features have injected."""
    projects = provided["projects", Projects]  # type: ignore[type-abstract]
    members = PiccoloMembers(ports.database, projects)
    invitations = PiccoloInvitations(ports.database, projects, ports.clock)
    kit = Kit(ports.database, projects, members, ports.outbox, ports.clock, ports.ids)
    return {
        "members": members,
        "invitations": invitations,
        "member_writes": MemberWrites(kit, provided["unassigning", Unassigning]),
        "invitation_writes": InvitationWrites(kit, invitations, new_secret),
    }


def jobs(ports: Ports, provided: Provided) -> Sequence[Job]:
    """What the worker does for invitations."""
    invitations = provided["invitations", Invitations]  # type: ignore[type-abstract]
    return (Job("prune_invitations", timedelta(hours=1), lambda: invitations.prune(ports.clock.now())),)


FEATURE = Feature("members", (MemberController, InvitationController), provide, jobs)
