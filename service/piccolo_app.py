"""The one Piccolo app: every table of the service, and one linear history of migrations."""

from piccolo.conf.apps import AppConfig

from service.adapters.database.migrations import APP_NAME, FOLDER
from service.adapters.idempotency import KeptAnswerRow
from service.adapters.outbox import AuditRow, DeliveryRow, EpochRow, EventRow
from service.adapters.rate_limits import RateLimitRow
from service.features.accounts.tables import (
    DeviceTokenRow,
    LoginThrottleRow,
    MailAllowanceRow,
    MailRequestRow,
    OneTimeTokenRow,
    UserRow,
)
from service.features.comments.tables import CommentRow
from service.features.labels.tables import LabelRow
from service.features.members.tables import InvitationRow
from service.features.personal_tokens.tables import PersonalTokenRow
from service.features.projects.tables import MembershipRow, ProjectRow
from service.features.second_factors.tables import MfaChallengeRow, RecoveryCodeRow, SecondFactorRow
from service.features.sessions.tables import SessionRow
from service.features.tasks.tables import TaskLabelRow, TaskRelationRow, TaskRow, TextRow
from service.features.views.tables import ViewRow

TABLES = [
    EpochRow,
    EventRow,
    DeliveryRow,
    AuditRow,
    RateLimitRow,
    KeptAnswerRow,
    UserRow,
    OneTimeTokenRow,
    LoginThrottleRow,
    DeviceTokenRow,
    SecondFactorRow,
    RecoveryCodeRow,
    MfaChallengeRow,
    MailRequestRow,
    MailAllowanceRow,
    SessionRow,
    PersonalTokenRow,
    ProjectRow,
    MembershipRow,
    InvitationRow,
    LabelRow,
    TaskRow,
    CommentRow,
    TextRow,
    TaskLabelRow,
    TaskRelationRow,
    ViewRow,
]

APP_CONFIG = AppConfig(
    app_name=APP_NAME,
    migrations_folder_path=str(FOLDER),
    table_classes=[*TABLES],
)
