// Faults put into the engine's own functions, one at a time (Q81): each must be found by its scenario, or the harness proves nothing. A mutant names the
// function and the exact words that it replaces; when these words are not there any more it says so loudly, so that the list cannot rot.
import type { Engine } from './harness.ts'
import type { SCENARIOS } from './scenarios.ts'

export type Mutant = {
  name: string
  edits: readonly { in: string; find: string; put: string }[]
  /** Which of the scenarios tells. */
  caughtBy: keyof typeof SCENARIOS
}

const edit = (fn: string, find: string, put: string) => ({ in: fn, find, put })

const RESET = "      last_generation := 0;\n      last_xid := '0';\n      last_num := 0;\n      continue when"

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a plain cursor: whatever is below the position counts as seen',
    edits: [
      edit('window_ranges', 'a_xid xid8 := pg_snapshot_xmax(lo);', 'a_xid xid8 := p_xid;'),
      edit('window_ranges', 'if x >= p_xid and pg_visible_in_snapshot(x, hi) then', 'if false then'),
      edit('claim_lane', RESET, '      continue when'),
    ],
    caughtBy: 'lateCommitter',
  },
  {
    name: 'the position is not reset at a new window',
    edits: [edit('claim_lane', RESET, '      continue when')],
    caughtBy: 'lateInWindow',
  },
  {
    name: 'xip(lo) is ignored',
    edits: [edit('window_ranges', 'if x >= p_xid and pg_visible_in_snapshot(x, hi) then', 'if false then')],
    caughtBy: 'lateCommitter',
  },
  {
    name: 'the window sees what its own transaction will still enqueue',
    edits: [edit('snapshot_now', 'if own is null or not pg_visible_in_snapshot(own, seen) then', 'if true then')],
    caughtBy: 'ownTransaction',
  },
  {
    name: 'the lane is not locked',
    edits: [edit('claim_lane', 'if not countersign_queue.try_lane(of_lane) then', 'if false then')],
    caughtBy: 'twoClaimers',
  },
  {
    name: 'the cursor stays where it was',
    edits: [edit('claim_lane', 'last_num := ns[cnt];', 'last_num := ns[1];')],
    caughtBy: 'laneOrder',
  },
  {
    name: 'tombstones are ignored',
    edits: [edit('claim_lane', 'where stones is null or not stones ?', 'where true or not stones ?')],
    caughtBy: 'setAside',
  },
  {
    name: 'kinds are not filtered',
    edits: [edit('claim_lane', 'if strangers > 0 then', 'if false then')],
    caughtBy: 'kinds',
  },
  {
    name: 'what is set aside for its kind gets no row',
    edits: [
      edit(
        'claim_lane',
        "perform countersign_queue.insert_rows((g & 15)::smallint, of_lane, xs, ns, 'ready', null, null, null, null);",
        'null;',
      ),
    ],
    caughtBy: 'kinds',
  },
  {
    name: 'a paused queue is served',
    edits: [edit('claim_packed', 's.paused_at is not null as paused', 'false as paused')],
    caughtBy: 'pause',
  },
  {
    name: 'a paused kind is served',
    edits: [edit('claim_packed', 's.paused_at is null', 'true')],
    caughtBy: 'pause',
  },
  {
    name: '8 MiB are no bound',
    edits: [edit('claim_lane', '8388608', '83886080000')],
    caughtBy: 'bulk',
  },
  {
    name: 'suspects are given together',
    edits: [
      edit(
        'claim_rows',
        'order by j.priority, j.ord limit 1 for update skip locked',
        'order by j.priority, j.ord limit 9 for update skip locked',
      ),
    ],
    caughtBy: 'suspects',
  },
  {
    name: 'a closure without a look at what is open',
    edits: [edit('settle_claims', 'if bit_count(wanted & ~open) > 0 then', 'if false then')],
    caughtBy: 'partOfAClaim',
  },
  {
    name: 'a part of a claim closes all of it',
    edits: [edit('settle_claims', 'case when bit_count(wanted) < c.n then wanted end', 'null::bit varying')],
    caughtBy: 'partOfAClaim',
  },
  {
    name: 'the stripe is not locked',
    edits: [
      edit('settle_claims', 'perform countersign_queue.lock_stripe(stripe);', 'null;'),
      edit('finish', 'perform countersign_queue.lock_stripe(r.claim);', 'null;'),
    ],
    caughtBy: 'finishTwiceAtOnce',
  },
  {
    name: 'the token is not compared when a claim is settled',
    edits: [edit('settle_claims', "or c.token is distinct from (e ->> 'token')::uuid then", 'then')],
    caughtBy: 'fence',
  },
  {
    name: 'the token is not compared when an attempt leaves its claim',
    edits: [
      edit('leave_claim', 'c.token <> leave_claim.token', 'false'),
      edit('settle_outcome', "and q.claim_token = (r ->> 'token')::uuid", ''),
    ],
    caughtBy: 'fence',
  },
  {
    name: 'finish of a row without its fence',
    edits: [edit('settle_outcome', "and q.lease = (r ->> 'lease')::bigint and q.claim_token = (r ->> 'token')::uuid", '')],
    caughtBy: 'fence',
  },
  {
    name: 'progress without the token',
    edits: [edit('progress', "and j.claim_token = (e ->> 'token')::uuid", '')],
    caughtBy: 'fence',
  },
  {
    name: 'an attempt leaves its claim and stays in it',
    edits: [
      edit(
        'leave_positions',
        "insert into countersign_queue.closures (claim, slot, bits, verdict, at) values (c.id, c.id & 15, bits, 'moved', countersign_queue.now());",
        '',
      ),
    ],
    caughtBy: 'partOfAClaim',
  },
  {
    name: 'rescue without a bound on attempts',
    edits: [edit('lose_attempt', 'if j.attempt >= j.max_attempts then', 'if false then')],
    caughtBy: 'lostWorker',
  },
  {
    name: 'rescue without a bound on crashes',
    edits: [edit('lose_attempt', 'elsif most > 0 and j.crashes + 1 >= most then', 'elsif false then')],
    caughtBy: 'lostWorker',
  },
  {
    name: 'rescue looks at rows alone',
    edits: [edit('rescue', 'k.n > 0', 'k.n < 0')],
    caughtBy: 'lostWorker',
  },
  {
    name: 'a lost attempt keeps its fence',
    edits: [
      edit('lose_attempt', 'crashes = j.crashes + 1, claim_token = null,', 'crashes = j.crashes + 1, settled_as = null,'),
      edit('put', 'claim_token = case when j.settled_as is not null then j.claim_token end,', ''),
      edit(
        'settle_outcome',
        "elsif j.state <> 'running' or j.settled_as is not null then",
        'elsif j.settled_as is not null then',
      ),
    ],
    caughtBy: 'lostWorker',
  },
  {
    name: 'deadlines of the ring are not looked at',
    edits: [edit('rescue', 'k.deadline_at <= at', 'false')],
    caughtBy: 'deadline',
  },
  {
    name: 'a slot is truncated before its last attempt has ended',
    edits: [edit('gate', "return 'running';", 'null;')],
    caughtBy: 'slotOfARunningJob',
  },
  {
    name: 'a slot is truncated with ready jobs in it',
    edits: [edit('gate', "return 'unclaimed';", 'null;')],
    caughtBy: 'slotOfAReadyJob',
  },
  {
    name: 'prune does not look under its locks what it is about to drop',
    edits: [
      edit('prune', 'continue when countersign_queue.gate(g) is not null;', ''),
      edit('prune', 'if countersign_queue.gate(g) is not null or countersign_queue.carry', 'if countersign_queue.carry'),
    ],
    caughtBy: 'slotOfARunningJob',
  },
  {
    name: 'the cursor of an idle lane is lost with its slot',
    edits: [edit('carry_cursors', 'continue when (c.id & 15) <> (g & 15);\n    if not', 'continue;\n    if not')],
    caughtBy: 'idleLane',
  },
  {
    name: 'a carried cursor begins anew',
    edits: [
      edit(
        'carry_cursors',
        'c.window_lo, c.window_hi, c.pos_generation',
        'countersign_queue.snapshot_now(), countersign_queue.snapshot_now(), c.pos_generation',
      ),
    ],
    caughtBy: 'idleLane',
  },
  {
    name: 'old generations are given up while somebody still writes there',
    edits: [
      edit(
        'claim_lane',
        'floor_now := greatest(floor_now, quiet_now + 1);',
        'floor_now := countersign_queue.current_generation();',
      ),
    ],
    caughtBy: 'lateInOldSlot',
  },
  {
    name: 'carry throws away what waits',
    edits: [edit('insert_rows', 'order by u.n;', "and to_state <> 'running' order by u.n;")],
    caughtBy: 'carried',
  },
  {
    name: 'a hand-back costs an attempt',
    edits: [
      edit(
        'settle_outcome',
        'attempt = j.attempt - case when j.resumes then 0 else 1 end where id = j.id;',
        'attempt = j.attempt where id = j.id;',
      ),
    ],
    caughtBy: 'handBack',
  },
  {
    name: 'jobs are due before their time',
    edits: [edit('promote', 'j.run_at <= at', 'true'), edit('claim_packed', 'j.run_at <= at', 'true')],
    caughtBy: 'due',
  },
  {
    name: 'what was drained is only passed over',
    edits: [edit('drain_lanes', "null, 'cancelled', at)", "repeat('0', got.taken)::bit varying, 'cancelled', at)")],
    caughtBy: 'drained',
  },
  {
    name: 'finish takes its stripes in another order than the others',
    edits: [
      edit(
        'finish',
        "order by ((v ->> 'lease')::bigint >> 14) & 63\n  loop\n    perform",
        "order by ((v ->> 'lease')::bigint >> 14) & 63 desc\n  loop\n    perform",
      ),
    ],
    caughtBy: 'lockOrder',
  },
  {
    name: 'settle_claims takes its stripes in another order than the others',
    edits: [
      edit(
        'settle_claims',
        "order by ((v ->> 'lease')::bigint >> 14) & 63) end",
        "order by ((v ->> 'lease')::bigint >> 14) & 63 desc) end",
      ),
    ],
    caughtBy: 'lockOrder',
  },
  {
    name: 'finish locks its rows in another order than the others',
    edits: [edit('finish', 'order by j.id for update', 'order by j.id desc for update')],
    caughtBy: 'lockOrder',
  },
  {
    name: 'a claim locks every lane of its queues',
    edits: [edit('is_worth_a_lock', 'return locks < 48 and (', 'return true or (')],
    caughtBy: 'fewLocks',
  },
  {
    name: 'each new queue is a lock of its own',
    edits: [
      edit('lane_for', 'hashtext(of_queue) & 15', 'hashtext(of_queue)'),
      edit('lane_for', 'countersign_queue.locks_left() <= 0', 'false'),
    ],
    caughtBy: 'fewLocks',
  },
  {
    name: 'a rescue locks every lost worker',
    edits: [edit('rescue', 'order by random() limit 12', 'order by random() limit 1200')],
    caughtBy: 'fewLocks',
  },
  {
    name: 'keys have no bound',
    edits: [edit('claim_limited', 'c.most is not null and c.running + c_taken[c.cn] >= c.most', 'false')],
    caughtBy: 'limits',
  },
  {
    name: 'kinds have no bound',
    edits: [edit('claim_limited', 'kn is not null and kind_taken[kn] >= kind_rooms[kn]', 'false')],
    caughtBy: 'limits',
  },
  {
    name: 'a bucket is never empty',
    edits: [edit('claim_limited', 'c.level is not null and r_taken[c.rn] + 1 > c.level + 1e-9', 'false')],
    caughtBy: 'limits',
  },
  {
    name: 'strict keys are in no order',
    edits: [
      edit('insert_job', 'elsif is_strict and countersign_queue.is_behind(queue, tenant, place_key) then', 'elsif false then'),
      edit('claim_limited', "when not c.in_turn then 'order'", "when false then 'order'"),
    ],
    caughtBy: 'strictKeys',
  },
  {
    name: 'the end of the head of a strict key frees nobody',
    edits: [edit('release_heads', 'begin', 'begin\n  return;')],
    caughtBy: 'strictKeys',
  },
  {
    name: 'whoever looks across jobs sees those of every tenant',
    edits: [edit('caller_tenant', 'return countersign_queue.narrowed(p);', 'return null;')],
    caughtBy: 'tenants',
  },
  {
    name: 'a job found by its id is within reach of every tenant',
    edits: [edit('reaches', 'return coalesce(of_tenant = countersign_queue.narrowed(p), true)', 'return true')],
    caughtBy: 'tenants',
  },
]

/** Puts the fault in, and answers how to take it out. Throws when the words are not there, in no function of that name. */
export async function mutate(engine: Engine, mutant: Mutant): Promise<() => Promise<void>> {
  const before: string[] = []
  for (const { in: name, find, put } of mutant.edits) {
    const bodies = await engine.look<{ body: string }>(
      `select pg_get_functiondef(p.oid) as body from pg_proc p
       where p.pronamespace = 'countersign_queue'::regnamespace and p.proname = $1 and p.prokind = 'f'`,
      [name],
    )
    const hit = bodies.filter(({ body }) => body.includes(find))
    if (hit.length === 0) throw new Rotten(`${mutant.name}: ${name} holds no “${find}” any more`)
    for (const { body } of hit) {
      before.unshift(body)
      await engine.look(body.replaceAll(find, () => put))
    }
  }
  return async () => {
    for (const body of before) await engine.look(body)
  }
}

/** A mutant whose words are gone: nobody caught it, and somebody must look. */
export class Rotten extends Error {}
