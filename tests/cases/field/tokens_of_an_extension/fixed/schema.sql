create schema app;
create schema ext;
create function ext.shuffled(integer) returns text language sql as $$ select repeat('x', $1) || random()::text $$;
create function app.token(n integer) returns text language plpgsql as $$ begin return shuffled(n); end $$;
create table app.links (id integer primary key, token text not null default app.token(3));
