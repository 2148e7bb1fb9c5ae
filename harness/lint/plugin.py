"""sqlfluff's plugin, loaded by the entry point ``sqlfluff``: the house rules and their settings.

sqlfluff loads this in every run on a machine that has the package, in any project. So it imports little, and its rules
find nothing unless the settings ask for them by name: see :mod:`harness.lint.rules.base`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlfluff.core.plugin import hookimpl

if TYPE_CHECKING:
    from sqlfluff.core.rules import BaseRule, ConfigInfo


@hookimpl
def get_rules() -> list[type[BaseRule]]:
    """The house rules. They are imported late: sqlfluff wants all plugins loaded before the first rule."""
    from harness.lint.rules import comments, security, types

    return [
        types.Rule_Harness_HS01,
        types.Rule_Harness_HS02,
        types.Rule_Harness_HS03,
        types.Rule_Harness_HS04,
        security.Rule_Harness_HS05,
        comments.Rule_Harness_HS06,
        comments.Rule_Harness_HS07,
        security.Rule_Harness_HS08,
        security.Rule_Harness_HS09,
        types.Rule_Harness_HS10,
    ]


@hookimpl
def load_default_config() -> dict[str, Any]:
    """The default settings: nothing is ignored, and any word in brackets is a data class."""
    settings = {rule.name: {"ignore_names": ""} for rule in get_rules()}
    settings["harness.data_class"]["classes"] = ""
    return {"rules": settings}


@hookimpl
def get_configs_info() -> dict[str, ConfigInfo]:
    """The meaning of each setting, for the pages of the rules."""
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
