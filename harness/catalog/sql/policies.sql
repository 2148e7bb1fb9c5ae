-- Row level security policies; role 0 is PUBLIC.
select
    n.nspname as schema,
    c.relname as table,
    p.polname as name,
    case p.polcmd
        when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all'
    end as command,
    p.polpermissive as permissive,
    array(
        select case r.oid when 0 then 'public' else pg_catalog.pg_get_userbyid(r.oid)::text end
        from unnest(p.polroles) as r (oid)
        order by 1
    ) as roles,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using,
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check
from pg_catalog.pg_policy as p
inner join pg_catalog.pg_class as c on c.oid = p.polrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where
    n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, 3
