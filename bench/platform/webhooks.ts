// Deliveries a second to a local receiver (platform.md §23): claimed, signed, posted, and logged durably, server, PostgreSQL and receiver on the same cores.
// The peer sends one after the other over the same rows and the same log.
import { tx } from '../../packages/server/src/db/tx.ts'
import { postSigned } from '../../packages/server/src/egress/post.ts'
import { recordMany } from '../../packages/server/src/events/event.ts'
import { createEndpoint } from '../../packages/server/src/webhooks/endpoints/endpoint.ts'
import { outcomeOf } from '../../packages/server/src/webhooks/sending/outcome.ts'
import { settleMany } from '../../packages/server/src/webhooks/sending/settle.ts'
import { takeMany } from '../../packages/server/src/webhooks/sending/take.ts'
import type { Figure } from '../figure.ts'
import { openRig, type Rig } from '../webhooks/rig.ts'

const ENDPOINTS = 20

export async function measure({ quick }: { quick: boolean }): Promise<Figure[]> {
  const rig = await openRig()
  try {
    for (let n = 0; n < ENDPOINTS; n++)
      await createEndpoint(rig.house, rig.scope, { url: `${rig.origin}/ok/${n}`, events: '*', verify: false, max_in_flight: 50 })
    await rig.admin.query('delete from countersign_queue.jobs')
    const peer = await oneByOne(rig, quick ? 300 : 2_000)
    const ours = await drained(rig, quick ? 6_000 : 40_000)
    return [
      {
        ...{ bench: 'webhooks', metric: 'deliveries to a local receiver, log durable', unit: '1/s', ours },
        ...{ peer_name: 'sequential loop over the same log', peer, goal: '>= 1500', met: ours >= 1_500 },
      },
    ]
  } finally {
    await rig.close()
  }
}

/** Events for so many deliveries, each to every endpoint. */
async function write({ db, scope }: Rig, deliveries: number): Promise<void> {
  const told = { scope, type: 'job.enqueued', data: { note: 'x'.repeat(300) } } as const
  for (let left = deliveries; left > 0; left -= 50 * ENDPOINTS) await tx(db, scope, (t) => recordMany(t, Array(50).fill(told)))
}

async function drained(rig: Rig, deliveries: number): Promise<number> {
  await write(rig, deliveries)
  await rig.admin.query('vacuum analyze')
  const count = async () =>
    Number((await rig.admin.query(`select count(*) as n from countersign.deliveries where state = 'pending'`)).rows[0].n)
  const before = await count()
  const from = performance.now()
  rig.work()
  let left = before
  while (left > 0) {
    await new Promise((resume) => setTimeout(resume, 50))
    left = await count()
  }
  return before / ((performance.now() - from) / 1000)
}

async function oneByOne(rig: Rig, deliveries: number): Promise<number> {
  const { house, scope } = rig
  await write(rig, deliveries)
  const { rows } = await rig.admin.query<{ id: string; generation: number }>(
    `select id, generation from countersign.deliveries where state = 'pending' order by ord limit ${deliveries}`,
  )
  const { tenantId } = scope
  const from = performance.now()
  for (const { id, generation } of rows) {
    const [taken] = await takeMany(house, [{ id, generation, job: id, tenantId, lane: 'peer', fifo: false, key: null }])
    if (taken === undefined || taken === 'done' || 'at' in taken) throw new Error(`${id} was not there to take`)
    const { took, url, headers, body, delays } = taken.letter
    const posted = await postSigned(house.door, { tenantId, url, headers, body })
    const outcome = outcomeOf(took, posted, delays, new Date())
    const { dnsMs, connectMs, tlsMs, firstByteMs, address, family } = posted.timings
    const log = {
      ...{ delivery_id: id, n: took.attempt, endpoint_id: took.endpoint_id, trigger: took.trigger, ms: 0 },
      ...{
        started_at: took.started_at.toISOString(),
        dns_ms: dnsMs,
        connect_ms: connectMs,
        tls_ms: tlsMs,
        first_byte_ms: firstByteMs,
      },
      ...{ address, family, status: outcome.status, class: outcome.class, excerpt: null },
    }
    await settleMany(house, [{ tenantId, took, outcome, log, answer: null, boundTo: null, delays }])
  }
  const rate = rows.length / ((performance.now() - from) / 1000)
  // Their jobs and the rest of what was written are not part of the other figure.
  await rig.admin.query(`update countersign.deliveries set state = 'cancelled' where state = 'pending'`)
  return rate
}
