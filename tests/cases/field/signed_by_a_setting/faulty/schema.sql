create schema app;
create function app.me() returns integer language sql stable as
$$ select nullif(current_setting('app.me', true), '')::integer $$;
create table app.people (id integer primary key);
create table app.letters (
    id integer primary key, author integer not null default app.me() references app.people,
    body text not null
);
create table app.replies (id integer primary key, letter integer not null references app.letters);
create function app.sign() returns trigger language plpgsql as $$
begin
    if app.me() is distinct from new.author then
        raise exception 'signed by another';
    end if;
    return new;
end $$;
create trigger sign before insert on app.letters for each row execute function app.sign();
