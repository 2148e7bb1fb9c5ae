-- The characters of a class, as the regular expressions of this database have it.
select array_agg(c.code order by c.code) as codes
from pg_catalog.generate_series(1, 1114111) as c (code)
where c.code not between 55296 and 57343 and pg_catalog.chr(c.code) ~ %(pattern)s
