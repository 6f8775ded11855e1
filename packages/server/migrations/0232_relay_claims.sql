-- What a claim looks for (relay.md R41): the messages of a card that wait, by relay grant and age, so that relay grants take turns without a look at everything that waits; and
-- the leases of a card by their end.
create index messages_ready on countersign.messages (tenant_id, card_id, relay_grant_id, created_at, id) where side = 'caller' and state = 'queued';
create index messages_leased on countersign.messages (tenant_id, card_id, claimed_until) where side = 'caller' and state = 'delivering';
drop index countersign.messages_claimed;
