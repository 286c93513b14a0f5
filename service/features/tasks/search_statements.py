"""Finding tasks by words: where to look, and how well each matches.

Words are kept with the name of their block before them, some 16 000 tasks of one project (the migration says why). So a search
asks the index once per block that the caller may see, the newest first, and stops when it has enough.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from piccolo.querystring import QueryString

from service.adapters.database.lists import Condition, Ranking
from service.features.tasks.tables import TaskRow
from service.kernel.paging import LAST_COUNTED

if TYPE_CHECKING:
    from uuid import UUID

    from service.adapters.database.statements import Param
    from service.kernel.actor import Actor

# So many matches are looked at, and ranked or sorted, which takes some 25 ms: a word that is everywhere would else be read
# everywhere. One more than is counted, so that the total of a sorted search says "at least" as well.
MOST = LAST_COUNTED + 1

_KEY = re.compile(r"([A-Z0-9]{2,10})-([1-9][0-9]{0,8})", re.IGNORECASE | re.ASCII)

# Each LIMIT inside of a LATERAL keeps the planner from turning the loop over blocks into one look at the whole table.
_FOUND = f"""
WITH asked AS MATERIALIZED (SELECT search_terms({{}}) AS terms), blocks AS MATERIALIZED (
    SELECT p.id AS project_id,
        (first || array_to_string(terms, ''':* & ' || first) || ''':*')::tsquery AS every_word,
        (first || array_to_string(terms, ''':* | ' || first) || ''':*')::tsquery AS any_word
    FROM asked, %s, LATERAL generate_series(0, p.last_number >> 14) AS back,
        LATERAL (SELECT '''' || search_block(p.id, p.last_number - (back << 14))) AS named (first)
    WHERE p.deleted_at IS NULL AND terms <> ARRAY[]::text[]%s ORDER BY back, p.id
)
SELECT x.task_id AS id, ts_rank(x.document, b.any_word) AS rank FROM blocks b CROSS JOIN LATERAL (
    SELECT t.task_id, t.document FROM task_texts t WHERE t.document @@ b.every_word AND t.project_id = b.project_id LIMIT {MOST}
) x LIMIT {MOST}
"""
# The task with this very key comes before everything that mentions it.
_WITH_KEY = (
    "SELECT id, max(rank) AS rank FROM (({}) UNION ALL SELECT t.id, 2 FROM %s JOIN tasks t ON t.project_id = p.id "
    "WHERE p.deleted_at IS NULL%s AND p.key = {} AND t.number = {}) AS either GROUP BY id"
)


def ranking(actor: Actor, text: str, project_id: UUID | None) -> Ranking:
    """The tasks of visible projects that match, each with its rank."""
    source, scope = "projects p", ""
    arguments: list[Any] = [text]
    if not actor.is_admin:
        source = "memberships m JOIN projects p ON p.id = m.project_id"
        scope += " AND m.user_id = {}"
        arguments.append(actor.id)
    if actor.project_ids is not None:
        scope += " AND p.id = ANY({}::uuid[])"
        arguments.append([*actor.project_ids])
    if project_id is not None:
        scope += " AND p.id = {}"
        arguments.append(project_id)
    found, bound = _FOUND % (source, scope), len(arguments)
    match = _KEY.fullmatch(text.strip())
    if match is None:
        return Ranking(found, lambda *params: QueryString(found, *params), *arguments, most=MOST)
    with_key = _WITH_KEY % (source, scope)
    return Ranking(
        f"{found} with key",
        lambda *params: QueryString(with_key, QueryString(found, *params[:bound]), *params[1:]),
        *arguments, match[1].upper(), int(match[2]), most=MOST,
    )  # fmt: skip


def condition(ranking: Ranking) -> Condition:
    """What is found, as a condition of a list that is sorted by something else."""

    def build(*params: Param) -> QueryString:
        # An array and no join: of an array the planner expects few ids and looks each up, instead of walking the order until
        # it has met enough that match: 13 s for a word that is nowhere, at two million tasks. Conditions on the project would
        # lead it astray again, so that `list_statements.conditions` leaves them out: what is found is of visible projects.
        return QueryString("{} = ANY(ARRAY(SELECT id FROM ({}) AS found))", TaskRow.id, ranking.build(*params))

    return Condition(f"search {ranking.name}", build, *ranking.arguments)
