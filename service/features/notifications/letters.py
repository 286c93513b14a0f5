"""The words of mails: templates in a folder per language, a text and an HTML page for each kind of mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from service.kernel.mail import Mail

if TYPE_CHECKING:
    from collections.abc import Iterator

# Every kind of mail has templates in this language.
FALLBACK = "en"


class Letters:
    """Writes mails; no template shows what a stranger could have put in, such as a name, so that nobody mails by us."""

    def __init__(self, base_url: str) -> None:
        self._environment = Environment(
            loader=PackageLoader("service.features.notifications"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.globals["base_url"] = base_url

    def write(self, kind: str, locale: str, to: str, **values: Any) -> Mail:
        """A mail of that kind, in the language of the locale if there is one; its text begins with the subject."""
        subject, _, text = self._render(f"{kind}.txt", locale, values).partition("\n\n")
        return Mail(to, subject, text, self._render(f"{kind}.html", locale, {"subject": subject, **values}), kind)

    def _render(self, name: str, locale: str, values: dict[str, Any]) -> str:
        return self._environment.select_template([f"{folder}/{name}" for folder in folders(locale)]).render(values)


def folders(locale: str) -> Iterator[str]:
    """Where a template is looked for: `zh-Hant-TW`, `zh-Hant`, `zh`, `en`."""
    while locale:
        yield locale
        locale = locale.rpartition("-")[0]
    yield FALLBACK
