"""What sqlfluff finds through the entry point ``sqlfluff``: the house rules, and what can be set about them.

sqlfluff loads this in every run on a machine that has the package, whoever's run it is. So it imports little, and
its rules say nothing unless the settings ask for them by name: see :mod:`harness.lint.rules.base`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlfluff.core.plugin import hookimpl

if TYPE_CHECKING:
    from sqlfluff.core.rules import BaseRule, ConfigInfo


@hookimpl
def get_rules() -> list[type[BaseRule]]:
    """The house rules. Imported here and not above: sqlfluff wants all plugins loaded before the first rule is."""
    from harness.lint.rules.comment import Rule_Harness_HS06
    from harness.lint.rules.constraint_name import Rule_Harness_HS04
    from harness.lint.rules.data_class import Rule_Harness_HS07
    from harness.lint.rules.jsonb import Rule_Harness_HS03
    from harness.lint.rules.primary_key import Rule_Harness_HS10
    from harness.lint.rules.row_security import Rule_Harness_HS05
    from harness.lint.rules.security_definer import Rule_Harness_HS08
    from harness.lint.rules.security_invoker import Rule_Harness_HS09
    from harness.lint.rules.text import Rule_Harness_HS01
    from harness.lint.rules.timestamptz import Rule_Harness_HS02

    return [
        Rule_Harness_HS01,
        Rule_Harness_HS02,
        Rule_Harness_HS03,
        Rule_Harness_HS04,
        Rule_Harness_HS05,
        Rule_Harness_HS06,
        Rule_Harness_HS07,
        Rule_Harness_HS08,
        Rule_Harness_HS09,
        Rule_Harness_HS10,
    ]


@hookimpl
def load_default_config() -> dict[str, Any]:
    """Nothing is ignored, and any word in brackets is a data class."""
    settings = {rule.name: {"ignore_names": ""} for rule in get_rules()}
    settings["harness.data_class"]["classes"] = ""
    return {"rules": settings}


@hookimpl
def get_configs_info() -> dict[str, ConfigInfo]:
    """What each setting means, for the pages of the rules."""
    return {
        "ignore_names": {
            "definition": "Comma separated names that the rule leaves alone, as the file writes them, ``*`` for any "
            "characters: ``legacy, shop.orders, shop.*.note``. A name takes what is inside it along, a schema its "
            "tables and a table its columns."
        },
        "classes": {
            "definition": "Comma separated data classes, such as ``public, personal``. Empty, the default, any word "
            "in brackets is one."
        },
    }
