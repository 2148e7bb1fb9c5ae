"""The tables of keys on the pages of the kinds; ``python -m tests.docs.keys`` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.kinds import KINDS, Kind
from harness.kinds.declared import DeclaredKind
from harness.project.keys import MISSING, key_fields
from tests.docs import pages

BEGIN, END = "<!-- keys -->", "<!-- /keys -->"
_SECTION = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)


def section(kind: type[Kind]) -> str:
    """The keys of a kind as a table, between the markers."""
    lines = ["| key | meaning | default |", "|---|---|---|", *_rows(kind)]
    return "\n".join([BEGIN, "", *lines, "", END])


def _rows(kind: type[Kind]) -> Iterator[str]:
    for written, field in key_fields(kind).items():
        yield _row(written, field.metadata["doc"], _default(field.default))
        if kind is not DeclaredKind:  # its keys are those of a file, and described there
            for name, doc in _parts(field.metadata["reader"].schema()):
                yield _row(f"{written}: {name}", doc, "")


def _row(name: str, doc: str, default: str) -> str:
    return f"| `{name}` | {doc} | {default} |".replace("<", "\\<")


def _parts(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The keys of a key that is a mapping, where each says what it means."""
    for form in (schema, *schema.get("anyOf", ())):
        for name, part in form.get("properties", {}).items():
            if "description" in part:
                yield name, part["description"]


def _default(value: Any) -> str:
    if value is MISSING:
        return "needed"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
    return ", ".join(f"`{text}`" for text in texts if text)


def renewed(text: str, kind: type[Kind]) -> str:
    """A page with its keys as the code has them."""
    assert len(_SECTION.findall(text)) == 1, f"write {BEGIN} and {END}"
    return _SECTION.sub(lambda _: section(kind), text)


def main() -> None:
    for page in pages.read(pages.KINDS):
        page.path.write_text(renewed(page.text, KINDS[page.name]), encoding="utf-8")


if __name__ == "__main__":
    main()
