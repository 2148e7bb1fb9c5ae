-- What a hosted PostgreSQL such as Supabase already has: the roles requests run as, and the schema auth that
-- knows who asks. Every object is made only where it is missing, so this file also applies, as a no-op, to a
-- database that brings its own. What is made here says so in its comment; the down file removes that and nothing else.

-- Roles belong to the whole cluster. Another database's run may create one between our look and our CREATE:
-- it then waits for that run and ends in unique_violation (or duplicate_object), and the role is there.
do $$
begin
    if to_regrole('anon') is null then
        create role anon nologin noinherit;
    end if;
exception
    when duplicate_object or unique_violation then
        null;
end
$$;

do $$
begin
    if to_regrole('authenticated') is null then
        create role authenticated nologin noinherit;
    end if;
exception
    when duplicate_object or unique_violation then
        null;
end
$$;

do $$
begin
    if to_regrole('service_role') is null then
        create role service_role nologin noinherit bypassrls;
    end if;
exception
    when duplicate_object or unique_violation then
        null;
end
$$;

do $$
begin
    if to_regnamespace('auth') is null then
        create schema auth;
        comment on schema auth is 'Who asks, and in which role. Made by the module platform.';
        revoke all on schema auth from public;
        grant usage on schema auth to anon, authenticated, service_role;
    end if;
exception
    when duplicate_schema or unique_violation then
        null;
end
$$;

do $$
begin
    if to_regclass('auth.users') is not null then
        return;
    end if;

    create table auth.users (
        id uuid not null default gen_random_uuid(),
        email text,
        constraint users_pkey primary key (id),
        constraint users_email_key unique (email)
    );

    comment on table auth.users is
        'Everyone who can sign in. Made by the module platform. Kept until they close their account. [personal]';
    comment on column auth.users.id is
        'What the claim "sub" of a request names. [administrative]';
    comment on column auth.users.email is
        'Address to sign in with; null for a user without one, such as one known by phone. [personal]';

    revoke all on auth.users from public, anon, authenticated, service_role;
    grant select, insert, update, delete on auth.users to service_role;

    alter table auth.users enable row level security;
    alter table auth.users force row level security;
    create policy users_owner on auth.users to current_user using (true) with check (true);
end
$$;

-- An exception block is a subtransaction, which PostgreSQL before 17 refuses inside a parallel query: therefore
-- jwt(), and all that call it, stay PARALLEL UNSAFE (the default).
do $$
begin
    if to_regprocedure('auth.jwt()') is not null then
        return;
    end if;

    create function auth.jwt() returns jsonb
    language plpgsql stable
    set search_path = ''
    as $function$
    declare
        claims jsonb;
    begin
        -- After a SET LOCAL has ended the setting is empty, not null.
        claims := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
        return case when jsonb_typeof(claims) = 'object' then claims end;
    exception
        -- Not JSON, or nested too deeply: nobody asks, and that is no error.
        when data_exception or program_limit_exceeded then
            return null;
    end
    $function$;

    comment on function auth.jwt() is
        'The claims of the request; null if unset, empty or not a JSON object. Made by the module platform.';
    revoke all on function auth.jwt() from public;
    grant execute on function auth.jwt() to anon, authenticated, service_role;
end
$$;

do $$
begin
    if to_regprocedure('auth.uid()') is not null then
        return;
    end if;

    create function auth.uid() returns uuid
    language plpgsql stable
    set search_path = ''
    as $function$
    begin
        return (auth.jwt() ->> 'sub')::uuid;
    exception
        when data_exception then
            return null;
    end
    $function$;

    comment on function auth.uid() is
        'The user who asks, by the claim "sub"; null if that is missing or no uuid. Made by the module platform.';
    revoke all on function auth.uid() from public;
    grant execute on function auth.uid() to anon, authenticated, service_role;
end
$$;

do $$
begin
    if to_regprocedure('auth.role()') is not null then
        return;
    end if;

    create function auth.role() returns text
    language sql stable
    return auth.jwt() ->> 'role';

    comment on function auth.role() is
        'The role the request claims; null if it claims none. Made by the module platform.';
    revoke all on function auth.role() from public;
    grant execute on function auth.role() to anon, authenticated, service_role;
end
$$;
