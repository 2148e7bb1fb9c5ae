-- The schemas that types can be written for.
select nspname::text as name from pg_catalog.pg_namespace where nspname !~ '^pg_'
