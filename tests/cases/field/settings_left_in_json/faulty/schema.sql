create schema press;
do $$ begin create role press_reader nologin; exception when duplicate_object then null; end $$;
do $$ begin create role press_writer nologin; exception when duplicate_object then null; end $$;
grant usage on schema press to press_reader, press_writer;
create function press.me() returns uuid language sql stable as
    $$ select (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid $$;
create table press.articles (
    id integer primary key,
    author uuid not null,
    published boolean not null,
    headline text not null
);
grant select on press.articles to press_reader, press_writer;
alter table press.articles enable row level security;
alter table press.articles force row level security;
create policy articles_read on press.articles for select to press_reader, press_writer
    using (published or author = press.me());
create function press.greeting() returns text language sql stable as
    $$ select coalesce('hello ' || press.me(), 'hello') $$;
