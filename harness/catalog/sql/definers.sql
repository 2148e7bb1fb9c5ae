-- Functions and procedures that run with their owner's rights. A search_path is pinned by the definition itself, and
-- not to what each caller has ("$user").
select
    n.nspname as schema,
    p.oid::regprocedure::text as signature,
    pg_catalog.pg_get_userbyid(p.proowner)::text as owner,
    exists (
        select from unnest(p.proconfig) as s (setting)
        where s.setting ~ '^search_path=' and s.setting !~ '\$user'
    ) as pinned,
    p.prorettype = 'pg_catalog.trigger'::regtype as fires
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where
    p.prosecdef
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2
