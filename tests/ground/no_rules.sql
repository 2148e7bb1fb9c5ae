-- Takes all rules from the tables of the schema t; what goes with something else is gone already.
do $sweep$
declare
    each text;
begin
    for each in
        select format('alter table %s drop constraint if exists %I cascade', conrelid::regclass, conname)
        from pg_constraint where connamespace = 't'::regnamespace and conrelid <> 0 and contype <> 'n' and conparentid = 0
        union all
        select format('alter table %s alter %I drop not null', a.attrelid::regclass, a.attname)
        from pg_attribute as a join pg_class as c on c.oid = a.attrelid
        where c.relnamespace = 't'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        and a.attnum > 0 and a.attnotnull and not a.attisdropped and a.attidentity = ''
        union all
        select format('alter table %s alter %I %s', d.adrelid::regclass, a.attname,
            case when a.attgenerated = '' then 'drop default' else 'drop expression' end)
        from pg_attrdef as d join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
        join pg_class as c on c.oid = a.attrelid
        where c.relnamespace = 't'::regnamespace and a.attgenerated <> 'v' and not c.relispartition
        union all
        select format('drop trigger if exists %I on %s', tgname, tgrelid::regclass) from pg_trigger
        join pg_class as c on c.oid = tgrelid where c.relnamespace = 't'::regnamespace and not tgisinternal and tgparentid = 0
        union all
        select format('drop policy %I on %s', polname, polrelid::regclass) from pg_policy
        join pg_class as c on c.oid = polrelid where c.relnamespace = 't'::regnamespace
        union all
        select format('drop index if exists %s', indexrelid::regclass) from pg_index
        join pg_class as c on c.oid = indrelid where c.relnamespace = 't'::regnamespace and not c.relispartition
        union all
        select format('comment on column %s.%I is null', c.oid::regclass, a.attname) from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 't'::regnamespace and c.relkind in ('r', 'p')
        union all
        select format('comment on table %s is null', c.oid::regclass) from pg_class as c
        where c.relnamespace = 't'::regnamespace and c.relkind in ('r', 'p')
        union all
        select format('alter table %s alter %I drop identity', a.attrelid::regclass, a.attname)
        from pg_attribute as a join pg_class as c on c.oid = a.attrelid
        where c.relnamespace = 't'::regnamespace and a.attidentity <> '' and not c.relispartition
        union all
        select format('grant all on %s to public', c.oid::regclass) from pg_class as c
        where c.relnamespace = 't'::regnamespace and c.relkind in ('r', 'p')
        union all
        select 'grant usage on schema t to public'
        union all
        select format('alter table %s disable row level security, no force row level security', c.oid::regclass)
        from pg_class as c where c.relnamespace = 't'::regnamespace and c.relkind in ('r', 'p')
    loop
        begin
            execute each;
        exception when others then
            null;  -- gone with another
        end;
    end loop;
end $sweep$;
