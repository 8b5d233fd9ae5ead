-- Accounts and what is kept for them. Every row of another table belongs to an account and goes with it.

create table accounts (
    -- autoincrement: an id is never used again, so a late write can not reach another account
    id integer primary key autoincrement,
    host text not null,
    localpart text not null,
    role text not null,
    created_at integer not null,
    roster_version integer not null default 0,
    unique (host, localpart)
) strict;

create table credentials (
    account integer not null references accounts (id) on delete cascade,
    mechanism text not null,
    iterations integer not null,
    salt blob not null,
    stored_key blob not null,
    server_key blob not null,
    primary key (account, mechanism)
) strict, without rowid;

create table roster_items (
    account integer not null references accounts (id) on delete cascade,
    contact text not null,
    name text,
    subscription text not null,
    ask integer not null,
    approved integer not null,
    -- names separated by U+001F, which XML can not carry
    groups text not null,
    primary key (account, contact)
) strict, without rowid;

create table subscription_requests (
    id integer primary key autoincrement,
    account integer not null references accounts (id) on delete cascade,
    contact text not null,
    stanza blob not null,
    unique (account, contact)
) strict;

create table offline_messages (
    -- autoincrement: a message can not take the id of one that was just delivered and is about to be deleted
    id integer primary key autoincrement,
    account integer not null references accounts (id) on delete cascade,
    stamp_ms integer not null,
    stanza blob not null
) strict;

create index offline_messages_by_account on offline_messages (account);

create table blocked (
    account integer not null references accounts (id) on delete cascade,
    address text not null,
    primary key (account, address)
) strict, without rowid;

create table private_xml (
    account integer not null references accounts (id) on delete cascade,
    ns text not null,
    name text not null,
    xml blob not null,
    primary key (account, ns, name)
) strict;

create table vcards (
    account integer primary key references accounts (id) on delete cascade,
    xml blob not null
) strict;

-- The last batch that each writing process committed: tells whether a COMMIT that failed took place.
create table writers (
    incarnation blob primary key,
    batch integer not null
) strict, without rowid;
