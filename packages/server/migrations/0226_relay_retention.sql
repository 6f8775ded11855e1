-- Threads whose envelopes are over, with all that hangs on them: here, and in the lists of their callers.
grant delete on countersign.threads to countersign_engine;

set local role countersign_engine;

-- Of the current tenant alone, and only such as are over.
create function countersign_engine.forget_threads(asked_threads text[]) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  here uuid := nullif(current_setting('countersign.tenant', true), '')::uuid;
  over text[] := array(
    select h.id from countersign.threads h
    where h.tenant_id = here and h.id = any (asked_threads) and h.kept_until <= countersign.now());
begin
  delete from countersign.caller_threads k where k.thread_id = any (over) and k.owner_tenant = here;
  delete from countersign.threads h where h.tenant_id = here and h.id = any (over);
end
$$;
grant execute on function countersign_engine.forget_threads(text[]) to countersign_runtime;

set local role countersign_owner;
