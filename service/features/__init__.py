"""The features, lower ones first: a feature may build on those before it."""

from service.features.accounts.feature import FEATURE as ACCOUNTS
from service.features.changes.feature import FEATURE as CHANGES
from service.features.comments.feature import FEATURE as COMMENTS
from service.features.departures.feature import FEATURE as DEPARTURES
from service.features.labels.feature import FEATURE as LABELS
from service.features.members.feature import FEATURE as MEMBERS
from service.features.notifications.feature import FEATURE as NOTIFICATIONS
from service.features.operations.feature import FEATURE as OPERATIONS
from service.features.personal_tokens.feature import FEATURE as PERSONAL_TOKENS
from service.features.projects.feature import FEATURE as PROJECTS
from service.features.second_factors.feature import FEATURE as SECOND_FACTORS
from service.features.sessions.feature import FEATURE as SESSIONS
from service.features.tasks.feature import FEATURE as TASKS
from service.features.views.feature import FEATURE as VIEWS

FEATURES = (
    OPERATIONS,
    ACCOUNTS,
    SECOND_FACTORS,
    PERSONAL_TOKENS,
    SESSIONS,
    PROJECTS,
    LABELS,
    TASKS,
    MEMBERS,
    COMMENTS,
    CHANGES,
    VIEWS,
    DEPARTURES,
    NOTIFICATIONS,
)
