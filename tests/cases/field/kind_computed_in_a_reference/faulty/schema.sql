create schema app;
create table app.parties (code text, kind text check (kind in ('firm', 'person')), primary key (code, kind));
create table app.firms (
    code text primary key,
    kind text generated always as ('firm') stored,
    party text not null,
    foreign key (code, party) references app.parties on delete cascade
);
