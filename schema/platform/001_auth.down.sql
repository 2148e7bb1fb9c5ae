-- Removes what the up file made, known by its comment, and leaves a host's own objects alone. No CASCADE: what
-- others have built on it is theirs to remove first. The roles stay: other databases of the cluster may use them.
do $$
declare
    mark constant text := '%Made by the module platform.%';
begin
    if obj_description(to_regprocedure('auth.role()'), 'pg_proc') like mark then
        drop function auth.role();
    end if;
    if obj_description(to_regprocedure('auth.uid()'), 'pg_proc') like mark then
        drop function auth.uid();
    end if;
    if obj_description(to_regprocedure('auth.jwt()'), 'pg_proc') like mark then
        drop function auth.jwt();
    end if;
    if obj_description(to_regclass('auth.users'), 'pg_class') like mark then
        drop table auth.users;
    end if;
    if obj_description(to_regnamespace('auth'), 'pg_namespace') like mark then
        drop schema auth;
    end if;
end
$$;
