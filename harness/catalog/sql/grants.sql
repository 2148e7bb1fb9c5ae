-- Privileges on tables and on columns, the owner's left out: it can always grant them to itself.
select
    n.nspname as schema,
    c.relname as table,
    case x.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(x.grantee)::text end as role,
    lower(x.privilege_type) as privilege,
    null::text as column
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral pg_catalog.aclexplode(c.relacl) as x
where
    c.relkind in ('r', 'p')
    and x.grantee <> c.relowner
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
union all
select
    n.nspname as schema,
    c.relname as table,
    case x.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(x.grantee)::text end as role,
    lower(x.privilege_type) as privilege,
    a.attname as column
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on c.oid = a.attrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral pg_catalog.aclexplode(a.attacl) as x
where
    c.relkind in ('r', 'p')
    and not a.attisdropped
    and x.grantee <> c.relowner
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, 3, 4, 5
