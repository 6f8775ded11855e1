-- An approved request that stopped before anything was dialled is told apart from one of which nobody knows what came of it (V106): its approval is used up all the
-- same, and the next like it is asked anew, but nobody reads that it may have been done.
alter table countersign.proxy_holds drop constraint proxy_holds_state_check;
alter table countersign.proxy_holds add constraint proxy_holds_state_check
  check (state in ('open', 'agreed', 'refused', 'expired', 'lapsed', 'closed', 'spent', 'sent', 'not_sent', 'unknown'));

set local role countersign_engine;

-- was_sent: null is what a node says that knows that no byte was let out; false is a node that cannot know. One of an earlier release says false to both.
create or replace function countersign_engine.proxy_settle(node text, run_id text, hold_id text, was_sent boolean) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform countersign_engine.require_node(node);
  update countersign.proxy_holds h
  set state = case when was_sent then 'sent' when was_sent is null then 'not_sent' else 'unknown' end, state_since = countersign.now()
  where h.id = hold_id and h.run_id = proxy_settle.run_id and h.spent_by = node
    and (h.state = 'spent' or h.state = 'unknown' and was_sent is distinct from false);
  return found;
end
$$;

set local role countersign_owner;
