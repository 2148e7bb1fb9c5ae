"""The extension that makes what a statement misses.

Not here: whether a server has it (``builder.py``).
"""

from __future__ import annotations

import re

_MADE_BY = {
    name: re.compile(rf"(?<!\w)(?:{made})(?!\w)")
    for name, made in (
        ("citext", "citext"),
        ("hstore", "hstore"),
        ("ltree", "ltree|lquery|ltxtquery"),
        ("cube", "cube"),
        ("earthdistance", "earth|ll_to_earth|earth_box|earth_distance"),
        ("isn", "isbn|isbn13|issn|ean13|upc"),
        ("vector", "vector|halfvec|sparsevec"),
        ("postgis", r"geometry|geography|box2d|box3d|st_\w+"),
        ("pg_trgm", r"gi(?:st|n)_trgm_ops|(?:word_)?similarity"),
        ("pgcrypto", "gen_random_bytes|crypt|gen_salt|digest|hmac|pgp_sym_(?:en|de)crypt"),
        ("uuid-ossp", r"uuid_generate_v\w+|uuid_nil"),
        ("unaccent", "unaccent"),
        ("btree_gist", 'access method "gist"'),
        ("btree_gin", 'access method "gin"'),
        ("intarray", "gist__int_ops|gin__int_ops|query_int"),
    )
}
"""Names of what an extension makes, as an error has them that misses it."""


def extension_of(message: str) -> str | None:
    """The extension that makes what a message of PostgreSQL says is not there."""
    return next((name for name, made in _MADE_BY.items() if made.search(message)), None)
