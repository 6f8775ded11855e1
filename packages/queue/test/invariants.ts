// The invariants of §9 that can be seen in the tables, as one query for the rows, which both engines have, and one for the ring. Each line of an answer is
// a violation: the name of the invariant as the specification has it, and what broke it. They read as the superuser and lock nothing.
import type { JobRow } from '../src/sql.ts'
import type { Engine } from './harness.ts'

export type Violation = { invariant: string; detail: string }

/** `purged`: jobs that somebody deleted, so that nothing need tell of them. */
export async function violations(engine: Engine, purged: readonly string[] = []): Promise<Violation[]> {
  return engine.which === 'ring' ? engine.look<Violation>(`${ROWS} union all ${RING}`, [purged]) : engine.look<Violation>(ROWS)
}

const ROWS = `
select 'NonRunningHasNoOwner' as invariant, j.id || ' ' || j.state as detail from countersign_queue.jobs j
  where j.state <> 'running' and (j.deadline_at is not null or (j.claim_token is not null and j.settled_as is null))
union all
select 'RunningHasLiveLease', j.id from countersign_queue.jobs j
  where j.state = 'running' and (j.worker is null or j.claim_token is null or j.settled_as is not null or j.lease < 1 or j.claimed_at is null)
union all
select 'AttemptBounded', format('%s attempt %s of %s, %s', j.id, j.attempt, j.max_attempts, j.state) from countersign_queue.jobs j
  where j.attempt > j.max_attempts or (j.state in ('ready', 'scheduled', 'retrying') and j.attempt >= j.max_attempts and not j.resumes and j.attempt > 0
    and j.state_reason is distinct from 'resumed')
union all
select 'CrashesBounded', format('%s crashed %s times and is %s', j.id, j.crashes, j.state)
  from countersign_queue.jobs j left join countersign_queue.kinds k on k.name = j.kind
  where coalesce(j.max_crashes, (k.settings ->> 'max_crashes')::integer, 3) > 0
    and j.crashes >= coalesce(j.max_crashes, (k.settings ->> 'max_crashes')::integer, 3) and j.state not in ('failed', 'cancelled')
union all
select 'WaitingHasOpenCallback', j.id from countersign_queue.jobs j
  where j.state = 'waiting' and not exists (select from countersign_queue.callbacks c where c.id = j.callback_id and c.job_id = j.id and c.state = 'open')
union all
select 'TerminalHasNoOpenCallback', j.id from countersign_queue.jobs j
  where j.state in ('completed', 'failed', 'cancelled') and exists (select from countersign_queue.callbacks c where c.job_id = j.id and c.state = 'open')
union all
select 'OneHolderPerKey', min(j.id) from countersign_queue.jobs j
  where j.unique_hash is not null and j.state = any (j.unique_while) group by j.unique_hash having count(*) > 1
union all
select 'HolderInMask', j.id from countersign_queue.jobs j where j.unique_held and not j.state = any (j.unique_while)
union all
select 'NoBlockedWithoutBlocker', j.id || ' ' || coalesce(j.state_reason, '') from countersign_queue.jobs j
  where j.state = 'blocked' and j.state_reason is null
union all
select 'OutputWithCompletion', j.id from countersign_queue.jobs j where j.output is not null and j.state <> 'completed'
union all
select 'TerminalIsFinished', j.id from countersign_queue.jobs j where (j.state in ('completed', 'failed', 'cancelled')) <> (j.finished_at is not null)
union all
select 'ErrorsBounded', j.id from countersign_queue.jobs j where jsonb_array_length(j.errors) > 25
`

// The ring spelt out: each position of each claim with the bits that closed it, and each row with what the cursor of its lane makes of it.
const PLACES = `
  with places as (
    select c.id as claim, c.lane, c.row_generation, c.worker, p.n - 1 as at, p.xid, p.num,
      (select count(*) from countersign_queue.closures k where k.claim = c.id and (k.bits is null or get_bit(k.bits, p.n::integer - 1) = 1)) as closed,
      (select min(k.verdict) from countersign_queue.closures k where k.claim = c.id and (k.bits is null or get_bit(k.bits, p.n::integer - 1) = 1)) as verdict
    from countersign_queue.claims c, unnest(c.xids, c.nums) with ordinality p (xid, num, n)
  ), cursors as (
    select distinct on (c.lane) c.lane, c.id, c.pos_generation, c.pos_xid, c.pos_num, c.floor, c.window_of,
      coalesce(c.window_lo, w.window_lo) as lo, coalesce(c.window_hi, w.window_hi) as hi
    from countersign_queue.claims c left join countersign_queue.claims w on w.id = c.window_of
    order by c.lane, c.id desc
  ), rows as (
    select r.id, r.lane, r.xid, r.num, r.generation, r.slot, r.kind, r.payload, r.rest, u.claim, u.closed, u.verdict, u.worker,
      t.lane is not null and t.claim is null as buried, j.state as row_state,
      pg_visible_in_snapshot(r.xid, c.lo) or (pg_visible_in_snapshot(r.xid, c.hi)
        and (r.generation, r.xid, r.num) <= (c.pos_generation, c.pos_xid, c.pos_num)) as behind,
      c.floor, c.id as cursor
    from countersign_queue.ring r
    left join cursors c on c.lane = r.lane
    left join places u on u.lane = r.lane and u.xid = r.xid and u.num = r.num
    left join countersign_queue.tombstones t on t.lane = r.lane and t.xid = r.xid and t.num = r.num
    left join countersign_queue.jobs j on j.id = r.id
  )
`

const RING = `
select v.invariant, v.detail from (
  ${PLACES}
  select 'EachRowOneWindow' as invariant, format('row (%s, %s) of lane %s is named by claims %s', p.xid, p.num, p.lane, array_agg(p.claim)) as detail
    from places p group by p.lane, p.xid, p.num having count(*) > 1
  union all
  select 'ClosureOnce', format('position %s of claim %s is closed %s times', p.at, p.claim, p.closed) from places p where p.closed > 1
  union all
  select 'ReceiptsNameExistingRows', format('open position %s of claim %s names no row', p.at, p.claim) from places p
    where p.closed = 0 and not exists (select from countersign_queue.ring r where r.lane = p.lane and r.xid = p.xid and r.num = p.num and r.generation = p.row_generation)
  union all
  select 'ClosuresNameExistingReceipts', format('a closure of %s, which is no claim', k.claim) from countersign_queue.closures k
    where not exists (select from countersign_queue.claims c where c.id = k.claim and (k.bits is null or length(k.bits) = c.n))
  union all
  select 'NoDuplicateClaim', format('%s runs in the ring and is %s in a row', r.id, r.row_state) from rows r where r.closed = 0 and r.row_state is not null
  union all
  select 'OneStatePerJob', format('%s is ready in the ring and %s in a row', r.id, r.row_state) from rows r
    where not r.behind and not r.buried and r.row_state is not null
  union all
  select 'OneStatePerJob', format('%s is twice in the ring', r.id) from rows r group by r.id having count(*) > 1
  union all
  select 'OpenClosedDisjoint', format('%s is %s in the ring and %s in a row', r.id, r.verdict, r.row_state) from rows r
    where r.verdict = 'completed' and r.row_state is not null
  union all
  select 'NoLostJob', format('%s was set aside and has no row', r.id) from rows r
    where r.row_state is null and ((r.claim is null and (r.behind or r.buried)) or r.verdict = 'moved')
      and r.id <> all ($1::text[])
  union all
  select 'ReadyAheadOfCursor', format('%s is ready and lies below the floor %s', r.id, r.floor) from rows r
    where not r.behind and not r.buried and r.generation < r.floor
  union all
  select 'ReadyAheadOfCursor', format('%s is claimed and not behind the cursor', r.id) from rows r where r.claim is not null and not r.behind
  union all
  select 'TombstonesAhead', format('%s was set aside and then claimed', r.id) from rows r where r.buried and r.claim is not null
  union all
  select 'CursorReadable', format('lane %s has no cursor with its snapshots', l.lane) from countersign_queue.lanes l
    where not exists (select from cursors c where c.lane = l.lane and c.lo is not null and c.hi is not null)
  union all
  select 'CursorMonotone', format('lane %s: claim %s has window %s … %s after %s … %s', m.lane, m.id, m.lo, m.hi, m.lo_before, m.hi_before) from (
    select c.lane, c.id, coalesce(c.window_lo, w.window_lo) as lo, coalesce(c.window_hi, w.window_hi) as hi,
      lag(coalesce(c.window_lo, w.window_lo)) over o as lo_before, lag(coalesce(c.window_hi, w.window_hi)) over o as hi_before,
      (c.pos_generation, c.pos_xid, c.pos_num) < lag((c.pos_generation, c.pos_xid, c.pos_num)) over o as went_back
    from countersign_queue.claims c left join countersign_queue.claims w on w.id = c.window_of
    window o as (partition by c.lane order by c.id)
  ) m where m.lo_before is not null
    and not ((m.lo::text = m.lo_before::text and m.hi::text = m.hi_before::text and not m.went_back)
      or (pg_snapshot_xmax(m.lo) >= pg_snapshot_xmax(m.hi_before) and pg_snapshot_xmax(m.hi) >= pg_snapshot_xmax(m.lo)))
  union all
  select 'RowInReadSlot', format('%s of generation %s lies in slot %s', r.id, r.generation, r.slot) from rows r
    where r.slot <> r.generation % 16 or not exists (select from countersign_queue.generations g where g.generation = r.generation)
  union all
  select 'PrunedSlotsEmpty', format('%s is still there, generation %s was truncated', r.id, r.generation) from rows r
    where exists (select from countersign_queue.prunings p where p.generation = r.generation)
  union all
  select 'GenerationUnique', format('generations %s are all filled into slot %s', array_agg(g.generation), g.generation % 16) from countersign_queue.generations g
    where not exists (select from countersign_queue.prunings p where p.generation = g.generation) group by g.generation % 16 having count(*) > 1
) v`

/** At the end of a run: what only grows and is truncated was never updated, nor was anything of it deleted (Q25, Q26). Stop the sessions before. */
export async function untouched(engine: Engine): Promise<Violation[]> {
  return engine.look<Violation>(`
    select 'AppendOnlyNeverUpdated' as invariant,
      format('%s: %s updates, %s deletes', c.relname, pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid)) as detail
    from pg_class c where c.relnamespace = 'countersign_queue'::regnamespace and c.relkind = 'r' and c.relname ~ '^(ring|claims|closures)_'
      and pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid) > 0`)
}

/** All jobs as the tables have them, spelt out apart from the engine's own readers, which must tell the same (Q14). */
export async function tell(engine: Engine): Promise<JobRow[]> {
  const rows = `select countersign_queue.job_view(j) as job from countersign_queue.jobs j`
  const ring = `
    select jsonb_build_object('id', r.id, 'kind', r.kind, 'queue', l.queue, 'priority', l.priority, 'payload', r.payload,
      'payload_version', coalesce((r.rest ->> 'payload_version')::integer, 1), 'state', s.state, 'state_reason', case s.state when 'cancelled' then 'drained' end,
      'attempt', case when s.state in ('ready', 'cancelled') then 0 else 1 end, 'crashes', 0,
      'max_attempts', coalesce((r.rest ->> 'max_attempts')::integer, (k.settings ->> 'max_attempts')::integer, 25), 'worker', r.worker,
      'cancel_requested_at', null, 'finished_at', case when s.state in ('completed', 'cancelled') then 'then' end, 'run_at', 0,
      'errors', '[]'::jsonb, 'progress', null, 'output', null, 'metadata', coalesce(r.rest -> 'metadata', '{}'),
      'tags', coalesce(r.rest -> 'tags', '[]'), 'unique_key', null, 'trace', r.rest -> 'trace', 'dead_letter', false) as job
    from rows r join countersign_queue.lanes l on l.lane = r.lane left join countersign_queue.kinds k on k.name = r.kind,
      lateral (select case when r.claim is null then 'ready' when r.closed = 0 then 'running' else r.verdict end as state) s
    where r.row_state is null and s.state <> 'moved' and (r.claim is not null or not (r.behind or r.buried))`
  const found = await engine.look<{ job: JobRow }>(engine.which === 'ring' ? `${PLACES} ${ring} union all ${rows}` : rows)
  return found.map((one) => one.job)
}
