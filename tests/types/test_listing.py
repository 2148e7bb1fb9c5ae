"""The list of what types do not say: CHECKs first, no line twice, and numbers of what no type can say."""

from __future__ import annotations

from harness.types.listing import lines
from harness.types.model import Unstated

CHECK = Unstated("app.orders", "orders_form", "it calls app.f()")
ANOTHER = Unstated("app.orders", "orders_other", "it calls app.f()")
ALIAS = Unstated("app.orders", "Order", "the role does not read its rows", "name")
KEYS = [Unstated("app.orders", f"orders_{each}", "key", "between rows") for each in range(4)]
TRIGGER = Unstated("app.orders", "orders_touch", "trigger", "trigger")
DATES = [Unstated("app.orders", f"at_{each}", "no infinity", "value") for each in range(5)]


def test_checks_come_first_and_what_directories_share_stands_once() -> None:
    shared = [*KEYS, TRIGGER, CHECK, ANOTHER]
    assert list(lines({"zod": [*DATES[:2], *shared], "ts": [*DATES, *shared], "py": [*shared, ALIAS]})) == [
        "  zod, ts, py",
        "    app.orders  orders_form, orders_other: it calls app.f()",
        "  zod, ts",
        "    no infinity: app.orders.at_0, app.orders.at_1",
        "  ts",
        "    no infinity: app.orders.at_2, app.orders.at_3, app.orders.at_4",
        "  py",
        "    app.orders  Order: the role does not read its rows",
        "  keys and references: 4, triggers: 1; --report json has them by name",
    ]


def test_columns_are_counted_where_they_are_many() -> None:
    assert list(lines({"zod": [*DATES, CHECK]})) == [
        "  zod",
        "    app.orders  orders_form: it calls app.f()",
        "    no infinity: app.orders.at_0, app.orders.at_1, app.orders.at_2 and 2 more",
    ]


def test_nothing_but_keys_has_no_directory() -> None:
    assert list(lines({"zod": KEYS[:1], "py": []})) == ["  keys and references: 1; --report json has them by name"]
    assert list(lines({"zod": [], "py": []})) == []
