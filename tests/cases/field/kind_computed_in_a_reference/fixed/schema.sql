create schema app;
create table app.parties (code text, kind text check (kind in ('firm', 'person')), primary key (code, kind));
create table app.firms (
    code text primary key,
    kind text generated always as ('firm') stored,
    foreign key (code, kind) references app.parties on delete cascade
);
