-- What was agreed is done without waiting for its asker (T9): the end of the task enqueues it, and the asker's repeat is handed what came of it.

alter table countersign.policy_asks
  -- The credential by which it was asked: nothing is done in its name once it counts no more. Null: a session.
  add column asked_by_key text collate "C",
  -- Of what its asker sent, for what was shown may look different once the act is done: by this their repeat finds the outcome.
  add column sent_sha256 text collate "C" check (char_length(sent_sha256) = 64),
  -- The id of what the act made, where the house did it; ids alone.
  add column outcome_id text collate "C" check (char_length(outcome_id) <= 200),
  -- When its asker was handed the outcome, or did it themselves: from then on the same request is asked anew.
  add column collected_at timestamptz(3),
  add check (outcome_id is null or (state = 'spent' and sent_sha256 is not null)),
  add check (collected_at is null or state = 'spent');

create index policy_asks_uncollected on countersign.policy_asks (tenant_id, sent_sha256) where state = 'spent' and collected_at is null;
