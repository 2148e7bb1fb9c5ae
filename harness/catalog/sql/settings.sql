-- Custom settings that code of the database reads by current_setting(…), and those that it sets. A row without a name:
-- it sets one whose name it works out. What belongs to an extension is left out.
with schemas as (
    select n.oid
    from pg_catalog.pg_namespace as n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> %(ledger)s
),

texts (text) as (
    select concat_ws(' ', p.prosrc, pg_catalog.pg_get_function_sqlbody(p.oid), (
        select string_agg(pg_catalog.format('set %%s', s.setting), ' ') from unnest(p.proconfig) as s (setting)
    ))
    from pg_catalog.pg_proc as p
    inner join schemas on schemas.oid = p.pronamespace
    inner join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname not in ('c', 'internal')
    where
        not exists (
            select from pg_catalog.pg_depend as d
            where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
        )
    union all
    select concat_ws(
        ' ', pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
    )
    from pg_catalog.pg_policy as p
    union all
    select pg_catalog.pg_get_ruledef(r.oid)
    from pg_catalog.pg_rewrite as r
    inner join pg_catalog.pg_class as c on c.oid = r.ev_class
    inner join schemas on schemas.oid = c.relnamespace
    union all
    select pg_catalog.pg_get_expr(a.adbin, a.adrelid) from pg_catalog.pg_attrdef as a
    union all
    select pg_catalog.pg_get_constraintdef(c.oid)
    from pg_catalog.pg_constraint as c
    inner join schemas on schemas.oid = c.connamespace
    where c.contype = 'c'
    union all
    select pg_catalog.pg_get_triggerdef(t.oid)
    from pg_catalog.pg_trigger as t
    where not t.tgisinternal and t.tgqual is not null
)

select
    lower(found.name) as name,
    bool_or(found.read) as read,
    not bool_and(found.read) as set
from texts
cross join lateral (
    select
        m[2] as name,
        lower(m[1]) = 'current_setting' as read
    from pg_catalog.regexp_matches(
        texts.text, '(current_setting|set_config)\s*\(\s*''+([a-z_][\w$]*(?:\.[a-z_][\w$]*)+)''', 'gi'
    ) as m
    union all
    select
        m[1],
        false
    from pg_catalog.regexp_matches(
        texts.text, '\mset\s+(?:local\s+|session\s+)?([a-z_][\w$]*(?:\.[a-z_][\w$]*)+)\s*(?:=|\mto\M)', 'gi'
    ) as m
    union all
    select
        null,
        false
    where texts.text ~* 'set_config\s*\(\s*[^''[:space:]]|\mset\s+(?:local|session)\s+[\w$.]*(?:%%|'')'
) as found
group by lower(found.name)
order by 1
