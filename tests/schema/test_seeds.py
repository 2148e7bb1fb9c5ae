"""The seeds of every module: all of them go in, and a second load changes nothing, also what is locked by then."""

from __future__ import annotations

import pytest

from harness.project.load import load
from harness.seeds import loading

from .conftest import SCHEMA, Fresh
from .support import migrations, value

PROJECT = load(SCHEMA.parent)
MODULES = [module.name for module in PROJECT.modules if module.seeds]


@pytest.mark.parametrize("name", MODULES)
def test_seeds_load_and_a_second_time_change_nothing(fresh: Fresh, name: str) -> None:
    modules = PROJECT.with_dependencies([name])
    fresh.up(*migrations(*(module.name for module in modules)))
    with fresh.connect() as connection:
        first = loading.load(connection, modules)
        assert all(loaded.rows > 0 for loaded in first)
        # Rows that a trigger changes in what they leave out are still the same the second time.
        assert all(loaded.changed == loaded.rows for loaded in first if not loaded.seed.afterwards)
        assert [loaded.changed for loaded in loading.load(connection, modules)] == [0] * len(first)


def test_the_week_of_weeksmith_is_filled_and_then_closed(fresh: Fresh) -> None:
    modules = PROJECT.with_dependencies(["weeksmith"])
    fresh.up(*migrations("platform", "weeksmith"))
    with fresh.connect() as connection:
        loading.load(connection, modules)
        counts = {"vision": 1, "cycle": 1, "goal": 2, "weekly_plan": 2, "task": 2, "plan_item": 3, "audit_log": 1}
        counts |= {"chat_session": 1, "chat_message": 3}
        for table, count in counts.items():
            assert value(connection, f"select count(*) from weeksmith.{table}") == count
        plans = """
            select string_agg(concat_ws(' ', week_no, week_no > locked_after_week, items), ', ' order by week_no)
            from weeksmith.weekly_plan as p
            cross join lateral (select count(*) as items from weeksmith.plan_item as i where i.plan_id = p.id) as i
        """
        assert value(connection, plans) == "1 f 2, 7 t 1"
        cycle = "select concat_ws(' ', start_date, end_date, current_week) from weeksmith.cycle"
        assert value(connection, cycle) == "2025-09-01 2025-11-23 5"


@pytest.mark.parametrize("name", [name for name in MODULES if name != "platform"])
def test_no_down_file_but_the_first_loses_a_row(fresh: Fresh, name: str) -> None:
    modules = PROJECT.with_dependencies([name])
    files = migrations(*(module.name for module in modules))
    fresh.up(*files)

    def rows() -> dict[str, list[str]]:
        query = "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace::regnamespace::text = %s"
        with fresh.connect() as connection:
            tables = [str(table) for (table,) in connection.execute(query, (name,))]
            texts = "select t::text from {} as t order by 1"
            return {
                table: [str(row) for (row,) in connection.execute(texts.format(table).encode())] for table in tables
            }

    with fresh.connect() as connection:
        loading.load(connection, modules)
    before = rows()
    assert before and all(before.values())
    fresh.down(
        *(file for file in reversed(files) if file.startswith(f"{name}/") and not file.startswith(f"{name}/001"))
    )
    assert rows() == before
