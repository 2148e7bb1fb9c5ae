"""Describes the tables of a catalog as people would declare them: entries of check files, and their YAML.

Enter by :func:`~harness.describe.description.describe` for a table; ``yaml`` makes text of it.
Not here: whole files and their updates (``adopt``).
"""

from harness.describe.description import TableDescription, describe, without_casts
from harness.describe.domains import domain_homes
from harness.describe.entries import TRUE, CheckEntry, said
from harness.describe.yaml import YamlValue

__all__ = ["TRUE", "CheckEntry", "TableDescription", "YamlValue", "describe", "domain_homes", "said", "without_casts"]
