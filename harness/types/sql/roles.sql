-- The roles of the server.
select rolname::text as name from pg_catalog.pg_roles
