-- Every object that people made, with a text of all that can differ about it: definition, owner, privileges, comment.
-- Objects of PostgreSQL itself have oids below 16384; what an extension owns goes with the extension.
with schemas as (
    select n.oid, n.nspname
    from pg_catalog.pg_namespace as n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> %(ledger)s
),

members as (
    select d.classid, d.objid from pg_catalog.pg_depend as d where d.deptype = 'e'
),

objects as (
    select
        'schema' as kind,
        'pg_namespace'::regclass as class,
        n.oid,
        quote_ident(n.nspname) as identity,
        '' as definition,
        n.nspowner as owner,
        coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl
    from pg_catalog.pg_namespace as n
    inner join schemas as s on s.oid = n.oid
    union all
    select
        case c.relkind
            when 'r' then 'table' when 'p' then 'table' when 'v' then 'view' when 'm' then 'materialized view'
            when 'S' then 'sequence' when 'f' then 'foreign table' when 'c' then 'composite type'
        end,
        'pg_class'::regclass,
        c.oid,
        c.oid::regclass::text,
        concat_ws(
            '; ',
            'kind ' || c.relkind::text,
            'persistence ' || c.relpersistence::text,
            case when c.relrowsecurity then 'row security' end,
            case when c.relforcerowsecurity then 'forced' end,
            array_to_string(c.reloptions, ','),
            case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
            case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end,
            pg_get_expr(c.relpartbound, c.oid),
            (
                select
                    string_agg(
                        concat_ws(
                            ' ', a.attname, format_type(a.atttypid, a.atttypmod),
                            case when a.attnotnull then 'not null' end, a.attidentity, a.attgenerated,
                            pg_get_expr(f.adbin, f.adrelid),
                            nullif(a.attcollation, (select t.typcollation from pg_catalog.pg_type as t where t.oid = a.atttypid))::regcollation,
                            a.attacl::text, col_description(a.attrelid, a.attnum)
                        ), ', ' order by a.attnum
                    )
                from pg_catalog.pg_attribute as a
                left join pg_catalog.pg_attrdef as f on f.adrelid = a.attrelid and f.adnum = a.attnum
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            ),
            (
                select concat_ws(' ', q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle)
                from pg_catalog.pg_sequence as q
                where q.seqrelid = c.oid
            )
        ),
        c.relowner,
        coalesce(c.relacl, acldefault(case when c.relkind = 'S' then 's'::"char" else 'r'::"char" end, c.relowner))
    from pg_catalog.pg_class as c
    inner join schemas as s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    union all
    select
        'index', 'pg_class'::regclass, c.oid, c.oid::regclass::text,
        pg_get_indexdef(c.oid) || case when x.indisvalid then '' else ' INVALID' end, c.relowner, null
    from pg_catalog.pg_index as x
    inner join pg_catalog.pg_class as c on c.oid = x.indexrelid
    inner join schemas as s on s.oid = c.relnamespace
    union all
    select
        'constraint', 'pg_constraint'::regclass, k.oid,
        concat_ws(' on ', quote_ident(k.conname), nullif(k.conrelid, 0)::regclass::text, nullif(k.contypid, 0)::regtype::text),
        pg_get_constraintdef(k.oid), null, null
    from pg_catalog.pg_constraint as k
    inner join schemas as s on s.oid = k.connamespace
    where k.contype <> 'n'
    union all
    select
        'trigger', 'pg_trigger'::regclass, t.oid, quote_ident(t.tgname) || ' on ' || t.tgrelid::regclass::text,
        pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text, null, null
    from pg_catalog.pg_trigger as t
    inner join pg_catalog.pg_class as c on c.oid = t.tgrelid
    inner join schemas as s on s.oid = c.relnamespace
    where not t.tgisinternal
    union all
    select
        'policy', 'pg_policy'::regclass, p.oid, quote_ident(p.polname) || ' on ' || p.polrelid::regclass::text,
        concat_ws(
            ' ', p.polcmd, p.polpermissive, (select string_agg(r.oid::regrole::text, ',' order by 1) from unnest(p.polroles) as r (oid)),
            pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)
        ),
        null, null
    from pg_catalog.pg_policy as p
    inner join pg_catalog.pg_class as c on c.oid = p.polrelid
    inner join schemas as s on s.oid = c.relnamespace
    union all
    select
        'rule', 'pg_rewrite'::regclass, r.oid, quote_ident(r.rulename) || ' on ' || r.ev_class::regclass::text, pg_get_ruledef(r.oid), null, null
    from pg_catalog.pg_rewrite as r
    inner join pg_catalog.pg_class as c on c.oid = r.ev_class
    inner join schemas as s on s.oid = c.relnamespace
    where r.rulename <> '_RETURN'
    union all
    select
        'function', 'pg_proc'::regclass, p.oid, p.oid::regprocedure::text,
        case when p.prokind = 'a' then 'aggregate' else pg_get_functiondef(p.oid) end, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
    from pg_catalog.pg_proc as p
    inner join schemas as s on s.oid = p.pronamespace
    union all
    select
        'type', 'pg_type'::regclass, t.oid, format_type(t.oid, null),
        concat_ws(
            ' ', t.typtype, (select string_agg(l.enumlabel, ',' order by l.enumsortorder) from pg_catalog.pg_enum as l where l.enumtypid = t.oid),
            case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end, t.typnotnull, t.typdefault
        ),
        t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
    from pg_catalog.pg_type as t
    inner join schemas as s on s.oid = t.typnamespace
    where t.typtype in ('d', 'e', 'r', 'm')
    union all
    select 'extension', 'pg_extension'::regclass, e.oid, quote_ident(e.extname), e.extversion, null, null
    from pg_catalog.pg_extension as e
    where e.oid >= 16384
    union all
    select 'default privileges', 'pg_default_acl'::regclass, d.oid, d.oid::text, d.defaclacl::text, d.defaclrole, null
    from pg_catalog.pg_default_acl as d
    union all
    select o.kind, o.class, o.oid, (pg_identify_object(o.class, o.oid, 0)).identity, '', null, null
    from (
        select 'cast' as kind, 'pg_cast'::regclass as class, oid from pg_catalog.pg_cast
        union all select 'operator', 'pg_operator'::regclass, oid from pg_catalog.pg_operator
        union all select 'collation', 'pg_collation'::regclass, oid from pg_catalog.pg_collation
        union all select 'event trigger', 'pg_event_trigger'::regclass, oid from pg_catalog.pg_event_trigger
        union all select 'publication', 'pg_publication'::regclass, oid from pg_catalog.pg_publication
        union all select 'statistics', 'pg_statistic_ext'::regclass, oid from pg_catalog.pg_statistic_ext
        union all select 'text search configuration', 'pg_ts_config'::regclass, oid from pg_catalog.pg_ts_config
        union all select 'foreign server', 'pg_foreign_server'::regclass, oid from pg_catalog.pg_foreign_server
        union all select 'language', 'pg_language'::regclass, oid from pg_catalog.pg_language
    ) as o
    where o.oid >= 16384
)

select
    o.kind,
    o.identity,
    concat_ws(
        '; ',
        nullif(o.definition, ''),
        'owner ' || o.owner::regrole::text,
        (
            select 'grants ' || string_agg(
                concat_ws(' ', case x.grantee when 0 then 'public' else x.grantee::regrole::text end, x.privilege_type, case when x.is_grantable then 'grantable' end),
                ', ' order by x.grantee, x.privilege_type
            )
            from aclexplode(o.acl) as x
        ),
        'comment ' || quote_literal(obj_description(o.oid, o.class::text))
    ) as definition
from objects as o
where not exists (select 1 from members as m where m.classid = o.class and m.objid = o.oid)
order by 1, 2
