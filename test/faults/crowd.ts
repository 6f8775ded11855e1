// Agents that wait and people that answer, while somebody pulls the ground away: what each of them was told is written down, and held against the database
// in the end. Everybody comes back after an error as a real client would, and nobody invents an answer.
import { ask, type Countersign, TaskTimedOut } from '@countersign/sdk'
import { expect } from 'vitest'
import type { Answer, Client } from '../harness/client.ts'
import type { Installation } from '../harness/installation.ts'

/** What was acknowledged, and to whom. */
export type Ledger = {
  /** idempotency key → task id, as the create answered */
  created: Map<string, string>
  /** task id → the note in the answer that was acknowledged with 200 */
  decided: Map<string, string>
  /** task id → the note that reached the agent, or `timed_out` */
  heard: Map<string, string>
  /** For each person: when the last call that was acknowledged had begun. */
  latest: number[]
  /** Answers that nobody should get. */
  strange: string[]
}

const RESPONSE = {
  type: 'object',
  properties: { approve: { type: 'boolean' }, note: { type: 'string' } },
  required: ['approve', 'note'],
}
/** People leave these to their deadline, and come only when it is nearly too late. */
const LATE = 'late'
const NEARLY_MS = 300

export type Crowd = {
  ledger: Ledger
  /** The agents ask nothing more; resolves when each has its answer and the people have gone home. */
  disperse(): Promise<void>
}

type Members = { agents: Countersign[]; hasty: Countersign[]; people: Client[]; name: string }

export function gather({ agents, hasty, people, name }: Members): Crowd {
  const ledger: Ledger = { created: new Map(), decided: new Map(), heard: new Map(), latest: people.map(() => 0), strange: [] }
  const on = { asking: true, answering: true }
  const asking = [
    ...agents.map((client, i) => keepAsking(client, `${name}-agent-${i}`, { timeout: '1h', tags: [] })),
    ...hasty.map((client, i) => keepAsking(client, `${name}-hasty-${i}`, { timeout: '5s', tags: [LATE] })),
  ]
  const answering = people.map((client, i) => keepAnswering(client, i))

  async function keepAsking(client: Countersign, who: string, how: { timeout: '1h' | '5s'; tags: string[] }): Promise<void> {
    for (let n = 1; on.asking; n++) {
      const idempotencyKey = `${who}-${n}`
      const handle = await ask<{ note: string }>({
        client,
        task: `May ${idempotencyKey} go on?`,
        payload: { key: idempotencyKey },
        response: RESPONSE,
        idempotencyKey,
        ...how,
      })
      ledger.created.set(idempotencyKey, handle.id)
      const note = await handle.wait().then(
        (answer) => answer.note,
        (error: unknown) => {
          if (error instanceof TaskTimedOut) return 'timed_out'
          throw error
        },
      )
      ledger.heard.set(handle.id, note)
    }
  }

  async function keepAnswering(client: Client, i: number): Promise<void> {
    for (let n = 1; on.answering; n++) {
      const found = await insist(() => client.get('/api/v1/tasks?status=open&order=asc&limit=25'))
      const open = (found.body.data as Open[]).filter(isMine)
      const task = open[Math.floor(Math.random() * open.length)]
      if (!task) {
        await breathe()
        continue
      }
      const note = `${name}-person-${i}-${n}`
      const body = { type: 'respond', response: { approve: n % 2 === 0, note }, seen_revision: 1 }
      const begun = performance.now()
      const { status, body: told } = await insist(() =>
        client.post(`/api/v1/tasks/${task.id}/decide`, body, { 'idempotency-key': note }),
      )
      if (status === 200) {
        ledger.decided.set(task.id, note)
        ledger.latest[i] = begun
      } else if (!['task_not_open', 'idempotency_in_flight'].includes(told.code)) ledger.strange.push(JSON.stringify(told))
    }
  }

  return {
    ledger,
    async disperse() {
      on.asking = false
      await Promise.all(asking)
      on.answering = false
      await Promise.all(answering)
    },
  }
}

type Open = { id: string; tags: string[]; deadline_at: string }
const isMine = ({ tags, deadline_at }: Open): boolean => !tags.includes(LATE) || Date.parse(deadline_at) - Date.now() < NEARLY_MS

/** Again after a cut connection or a 5xx, as the same request with the same key. */
export async function insist(call: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await call().catch((error: unknown) => {
      if (error instanceof TypeError) return null // fetch: cut, or refused
      throw error
    })
    if (answer && answer.status < 500) return answer
    await breathe()
  }
}

export const breathe = () => new Promise<void>((resolve) => void setTimeout(resolve, 50))

/** Holds what was acknowledged against what is there. Answers what was lost: nothing. */
export async function reckon(
  { ledger }: Crowd,
  { look, servers, owner }: Pick<Installation, 'look' | 'servers' | 'owner'>,
): Promise<Record<string, number>> {
  const { created, decided, heard } = ledger
  expect(ledger.strange).toEqual([])

  const tasks = new Map(
    (await look<{ id: string; idempotency_key: string; status: string }>('select id, idempotency_key, status from tasks')).map(
      (row) => [row.id, row],
    ),
  )
  const answers = await readAnswers(await owner(servers[0] as Installation['servers'][number]))
  const lostCreates = [...created].filter(([key, id]) => tasks.get(id)?.idempotency_key !== key)
  const lostDecisions = [...decided].filter(([id, note]) => answers.get(id) !== note)
  const wrongAnswers = [...heard].filter(([id, note]) => (answers.get(id) ?? 'timed_out') !== note)
  const unanswered = [...created.values()].filter((id) => !heard.has(id))
  expect({ lostCreates, lostDecisions, wrongAnswers, unanswered }).toEqual({
    lostCreates: [],
    lostDecisions: [],
    wrongAnswers: [],
    unanswered: [],
  })
  // A create that was cut is found again under its key: there is no second task, and none that nobody asked for.
  expect(tasks.size).toBe(created.size)
  expect(await look(ORPHANS)).toEqual([])
  // What a killed worker had claimed is given back when it has been silent for 15 s.
  await expect
    .poll(() => look("select id, kind from countersign_queue.jobs where state = 'running'"), { timeout: 40_000, interval: 250 })
    .toEqual([])
  return {
    created: created.size,
    decided: decided.size,
    timed_out: [...heard.values()].filter((note) => note === 'timed_out').length,
    lost: 0,
  }
}

async function readAnswers(owner: Client): Promise<Map<string, string>> {
  const answers = new Map<string, string>()
  let cursor: string | null = null
  do {
    const page: Answer = await owner.get(
      `/api/v1/tasks?include=response&limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
    )
    expect(page.status).toBe(200)
    for (const { id, response } of page.body.data) if (response) answers.set(id, response.note)
    cursor = page.body.next_cursor
  } while (cursor)
  return answers
}

/** Each row is something that should not be there, or that is missing. */
const ORPHANS = `
  with ends as (
    select resource_id as id, count(*) as n, min(type) as type from events
    where type in ('task.completed', 'task.timed_out', 'task.cancelled') group by 1)
  select 'still open' as what, id from tasks where status = 'open'
  union all
  select 'ends told: ' || coalesce(ends.n, 0), t.id from tasks t left join ends using (id)
    where t.status <> 'open' and (ends.n is distinct from 1 or ends.type <> 'task.' || t.status)
  union all
  select 'end of no task', ends.id from ends left join tasks t using (id) where t.status is null or t.status = 'open'
  union all
  select 'created told: ' || (select count(*) from events e where e.resource_id = t.id and e.type = 'task.created'), t.id from tasks t
    where 1 <> (select count(*) from events e where e.resource_id = t.id and e.type = 'task.created')
  union all
  select 'decisions', t.id from tasks t
    where (t.status = 'completed')::int <> (select count(*) from decisions d where d.task_id = t.id)
  union all
  select 'decision of no task', d.task_id from decisions d left join tasks t on t.id = d.task_id where t.id is null
  union all
  select 'key of no task', k.subject from subject_keys k where k.subject like 'task:%' and not exists (select from tasks t where 'task:' || t.id = k.subject)
  union all
  select 'no deadline', t.id from tasks t
    where not exists (select from countersign_queue.jobs j where j.kind = 'task.expire' and j.payload ->> 'task_id' = t.id)
  union all
  select 'job of no task', j.id from countersign_queue.jobs j
    where j.kind = 'task.expire' and not exists (select from tasks t where t.id = j.payload ->> 'task_id')`
