-- The hosts that a human named for the session that they brought (V45): it goes to these alone. Empty: to every host of its provider.
alter table countersign.connections
  add column hosts text[] not null default '{}' check (cardinality(hosts) <= 50);
