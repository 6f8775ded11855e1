-- Until when the process that accepted a message has it to itself (relay.md R43); its job waits for that. Null: the job's from the start, or again.
alter table countersign.message_sendings add column runs_until timestamptz(3);
