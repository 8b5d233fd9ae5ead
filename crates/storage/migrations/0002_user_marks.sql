-- What the rules remember of users: MARK USER, UNMARK USER, USER MARKED.

create table user_marks (
    account integer not null references accounts (id) on delete cascade,
    name text not null,
    marked_at_ms integer not null,
    primary key (account, name)
) strict, without rowid;

create index user_marks_by_name on user_marks (name);
