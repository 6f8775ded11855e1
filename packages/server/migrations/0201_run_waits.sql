-- How long a request of this run waits for people when it does not say so itself (`--wait`, V104); null: as the proxy is set.
alter table countersign.runs add column wait_seconds smallint check (wait_seconds between 0 and 600);
grant select (wait_seconds) on countersign.runs to countersign_engine;
