import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import {
  CALLBACK_PREFIX,
  type CallbackOptions,
  type Codec,
  callbackHandler,
  callbackUrl,
  copyIn,
  createQueue,
  defineHttpKind,
  defineKind,
  defineSchedule,
  type Followed,
  type Kind,
  migrate,
  park,
  QueueError,
  retry,
  snooze,
} from './index.ts'
import { emptyDatabase } from './testing/empty-database.ts'
import { eventually } from './testing/eventually.ts'
import { advance, drain, expectEnqueued } from './testing.ts'

// biome-ignore lint/suspicious/noThenProperty: the word of the contract, and a text: nothing awaits it
const RESUME: CallbackOptions = { then: 'resume' }

/** What must never stand in the database. */
const CANARY = 'canary-4711'

function sealing({ slow = false } = {}): Codec {
  const key = randomBytes(32)
  const turn = () => new Promise((resume) => setImmediate(resume))
  return {
    async encode(text) {
      if (slow) await turn()
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
    },
    decode(text) {
      const bytes = Buffer.from(text, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
      decipher.setAuthTag(bytes.subarray(-16))
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8')
    },
  }
}

async function open(kinds: readonly Kind[], { ring = true, schedules = [] as ReturnType<typeof defineSchedule>[] } = {}) {
  const url = await emptyDatabase()
  await migrate(url, { testClock: true, ring })
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  // What a database says that is dropped while its connections are ending is no error of a test.
  pool.on('connect', (client) => void client.on('error', () => undefined))
  pool.on('error', () => undefined)
  const another = (own: readonly Kind[]) => {
    const queue = createQueue({ database: { url }, kinds: own, listen: false })
    onTestFinished(() => queue.close({ grace: '1s' }))
    return queue
  }
  const queue = createQueue({ database: { url }, kinds, schedules, listen: false })
  onTestFinished(async () => {
    await queue.close({ grace: '1s' })
    await pool.end()
  })
  /** Every row of every table, as text. */
  async function stored(): Promise<string> {
    const { rows: tables } = await pool.query<{ name: string }>(
      "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'countersign_queue'",
    )
    const all: string[] = []
    for (const { name } of tables) {
      const { rows } = await pool.query<{ row: string }>(`select t::text as row from ${name} t`)
      all.push(...rows.map((one) => one.row))
    }
    return all.join('\n')
  }
  return { url, pool, queue, another, stored }
}

for (const ring of [true, false]) {
  const engine = ring ? 'ring' : 'rows'

  test(`Q88 what a kind seals is nowhere in the database, and its handler and its waiter read it (${engine})`, async () => {
    const seen: unknown[] = []
    const kind = defineKind<{ secret: string }>('sealed', {
      codec: sealing({ slow: true }),
      maxAttempts: 3,
      async run(job, ctx) {
        seen.push([job.attempt, job.payload, job.progress])
        ctx.progress(50, 'half', { at: CANARY })
        if (job.payload.secret === 'wait') return snooze('1h')
        if (job.attempt === 1) {
          await ctx.flush()
          return retry({ after: 0 })
        }
        if (job.attempt === 2) return retry({ after: 0 })
        return { answer: job.payload.secret }
      },
    })
    const { queue, another, pool, stored } = await open([kind as Kind], { ring })
    const id = await queue.enqueue(kind, { secret: CANARY })
    const { rows } = await pool.query('select countersign_queue.job($1) as job', [id])
    expect(rows[0].job.payload).toEqual({ 'countersign:sealed': expect.any(String) })

    expect((await drain(queue)).map((one) => one.outcome)).toEqual(['retry', 'retry', 'completed'])
    const progress = { percent: 50, message: 'half', data: { at: CANARY } }
    expect(seen).toEqual([
      [1, { secret: CANARY }, null],
      [2, { secret: CANARY }, progress],
      [3, { secret: CANARY }, progress],
    ])
    expect(await queue.result(id)).toEqual({ answer: CANARY })
    expect(await queue.job(id)).toMatchObject({ payload: { secret: CANARY }, output: { answer: CANARY } })
    expect(await expectEnqueued(queue, 'sealed', { secret: CANARY })).toHaveLength(1)
    expect(await stored()).not.toContain(CANARY)

    const put = await queue.enqueue(kind, { secret: 'wait' })
    await drain(queue)
    expect(await queue.job(put)).toMatchObject({ state: 'scheduled', progress })
    expect(await stored()).not.toContain(CANARY)

    // A process without the kind, or with another key, is told that there is something.
    for (const stranger of [another([]), another([{ ...kind, codec: sealing() } as Kind])]) {
      expect(await stranger.job(id)).toMatchObject({ payload: '[sealed]', output: '[sealed]' })
      expect(await stranger.job(put)).toMatchObject({ payload: '[sealed]', progress: { percent: 50, data: '[sealed]' } })
      expect((await stranger.jobs({ kind: 'sealed' })).data.every((one) => one.payload === '[sealed]')).toBe(true)
    }
    expect(await another([]).result(id)).toBe('[sealed]')
    await expect(another([{ ...kind, codec: sealing() } as Kind]).result(id)).rejects.toThrow()
  })

  test(`Q88 unique paths, keys and the schema are taken from the plain payload, and agree with producers that seal nothing (${engine})`, async () => {
    type Order = { order: { id: number }; lines: string[] }
    const kind = defineKind<Order>('order', {
      codec: sealing(),
      schema(value) {
        if (!Array.isArray((value as Order).lines)) throw new Error('lines is a list')
        return value as Order
      },
      unique: { by: ['order.id', 'lines.-1', 'order'] },
      concurrencyKey: (payload) => `order-${payload.order.id}`,
      run: () => undefined,
    })
    const { queue, pool, stored } = await open([kind as Kind], { ring })
    const make = (id: number, last: string) => queue.enqueue(kind, { order: { id }, lines: [CANARY, last] })
    const first = await make(1, 'b')
    expect(await make(1, 'b')).toBe(first)
    expect(await make(1, 'c')).not.toBe(first)
    expect(await make(2, 'b')).not.toBe(first)
    // As a producer in another language computes it.
    const { rows } = await pool.query(
      `select countersign_queue.enqueue('default', 'order', '{"order": {"id": 1}, "lines": ["b"]}', '{"unique": {"by": ["order.id", "lines.-1", "order"]}}') as id`,
    )
    expect(rows[0].id).toBe(first)
    expect((await queue.job(first))?.concurrency_key).toBe('order-1')
    const whole = { unique: { by: 'payload' } } as const
    const one = await queue.enqueue(kind, { order: { id: 9 }, lines: [CANARY] }, whole)
    expect(await queue.enqueue(kind, { lines: [CANARY], order: { id: 9 } }, whole)).toBe(one)
    await expect(queue.enqueue(kind, { order: { id: 3 } } as Order)).rejects.toMatchObject({ code: 'validation_failed' })
    const by = { kind, unique: { by: ['order.id', 'lines.-1', 'order'] }, payload: { order: { id: 1 }, lines: ['b'] } } as const
    expect(await queue.cancelByKey(by)).toMatchObject({ id: first, state: 'cancelled' })
    expect(await stored()).not.toContain(CANARY)
  })

  test(`Q88 dead letters run again sealed, also with another payload (${engine})`, async () => {
    const seen: unknown[] = []
    const kind = defineKind<string>('dies', {
      codec: sealing(),
      maxAttempts: 1,
      run: (job) => {
        seen.push(job.payload)
        if (seen.length < 4) throw new Error('broken')
      },
    })
    const { queue, another, stored } = await open([kind as Kind, defineKind('other', { run: () => undefined })], { ring })
    const id = await queue.enqueue(kind, CANARY)
    await drain(queue)
    expect((await queue.deadLetters.get(id))?.payload).toBe(CANARY)
    expect((await another([]).deadLetters.list()).data.map((one) => one.payload)).toEqual(['[sealed]'])
    expect((await queue.deadLetters.retry({ ids: [id] })).retried).toEqual([id])
    await drain(queue)
    expect((await queue.deadLetters.retry({ kind: 'dies' }, { payload: `${CANARY} 2` })).retried).toEqual([id])
    await drain(queue)
    await queue.retry(id, { payload: `${CANARY} 3` })
    await drain(queue)
    expect(seen).toEqual([CANARY, CANARY, `${CANARY} 2`, `${CANARY} 3`])
    await expect(queue.deadLetters.retry({ all: true }, { payload: CANARY })).rejects.toMatchObject({ code: 'validation_failed' })
    expect(await stored()).not.toContain(CANARY)
  })
}

test('Q88 the bulk ways in seal too: enqueueMany, copyIn, what a handler enqueues, and schedules', async () => {
  const seen: unknown[] = []
  const kind = defineKind<string>('sealed', { codec: sealing({ slow: true }), run: (job) => void seen.push(job.payload) })
  const parent = defineKind('parent', { run: (_, ctx) => ctx.enqueue({ kind: 'sealed', payload: `${CANARY} child` }) })
  const yearly = defineSchedule('yearly', { cron: '@yearly', kind, payload: `${CANARY} scheduled` })
  const { queue, another, pool, stored } = await open([kind as Kind, parent], { schedules: [yearly] })
  await queue.register()
  await queue.enqueueMany([{ kind: 'sealed', payload: `${CANARY} many` }, { kind: 'parent' }])
  await copyIn(pool, [{ kind: 'sealed', payload: `${CANARY} copied` }], { kinds: [kind as Kind] })
  const [saved] = await queue.schedules.list()
  expect(saved?.job.payload).toBe(`${CANARY} scheduled`)
  expect((await another([]).schedules.list())[0]?.job.payload).toBe('[sealed]')
  await queue.schedules.trigger(saved?.id as string)
  expect(await stored()).not.toContain(CANARY)
  expect((await drain(queue)).every((one) => one.outcome === 'completed')).toBe(true)
  expect(seen.sort()).toEqual(['child', 'copied', 'many', 'scheduled'].map((one) => `${CANARY} ${one}`))
  expect(await stored()).not.toContain(CANARY)
})

test('Q88 functions that follow read payload and output; the jobs between are sealed', async () => {
  const seen: Followed[] = []
  const kind = defineKind<string>('leads', {
    codec: sealing(),
    onCompleted: [(followed) => void seen.push(followed), { kind: 'next', select: '$.job.payload' }],
    run: () => ({ out: CANARY }),
  })
  const next: unknown[] = []
  const sharing = defineKind<string>('next', { codec: kind.codec as Codec, run: (job) => void next.push(job.payload) })
  const { queue, another, stored } = await open([kind as Kind, sharing as Kind])
  await queue.enqueue(kind, CANARY)
  const ran = await drain(queue)
  expect(ran.map((one) => one.kind).sort()).toEqual(['leads', 'leads:on_completed:0', 'next'])
  expect(seen).toMatchObject([{ job: { payload: CANARY }, outcome: { output: { out: CANARY } } }])
  expect(next).toEqual([CANARY])
  const [follower] = (await another([]).jobs({ kind: 'leads:on_completed:0' })).data
  const whole = await another([]).job(follower?.id as string)
  expect(whole?.payload).toMatchObject({ job: { payload: '[sealed]' }, outcome: { output: '[sealed]' } })
  expect(await stored()).not.toContain(CANARY)
})

test('Q88 an attempt that ends in its own transaction, and one that waits in place for an answer, are sealed too', async () => {
  const heard: unknown[] = []
  const kind = defineKind<string>('inside', {
    codec: sealing({ slow: true }),
    async run(job, ctx) {
      ctx.progress(20, 'inside', { of: job.payload })
      const client = await pool.connect()
      try {
        await client.query('begin')
        await ctx.finishIn(client, { out: job.payload })
        await client.query('commit')
      } finally {
        client.release()
      }
    },
  })
  const waits = defineKind<string>('waits', {
    codec: kind.codec as Codec,
    async run(_, ctx) {
      const callback = await ctx.callback('ok')
      await queue.callbacks.complete(callback.id, { said: CANARY })
      heard.push(await callback.wait())
    },
  })
  const { queue, pool, stored } = await open([kind as Kind, waits as Kind])
  const id = await queue.enqueue(kind, CANARY)
  await queue.enqueue(waits, CANARY)
  await drain(queue)
  expect(await queue.result(id)).toEqual({ out: CANARY })
  expect(heard).toEqual([{ said: CANARY }])
  expect(await stored()).not.toContain(CANARY)
})

test('Q88 Q93 a batch reads plain payloads, and each of its outcomes is sealed', async () => {
  const kind = defineKind<number>('many', {
    codec: sealing({ slow: true }),
    batch: { max: 3, wait: '20ms' },
    run: (jobs) => new Map(jobs.map((job) => [job.id, `${CANARY} ${job.payload}`])),
  })
  const { queue, stored } = await open([kind as Kind])
  const ids = await queue.enqueueMany([1, 2, 3].map((payload) => ({ kind: 'many', payload })))
  const worker = queue.work({ concurrency: 4 })
  expect(await Promise.all(ids.map((id) => queue.result(id)))).toEqual([1, 2, 3].map((n) => `${CANARY} ${n}`))
  await worker.stop({ grace: '10s' })
  expect(await stored()).not.toContain(CANARY)
})

test('Q88 Q94 an isolated handler gets the plain payload, and its output and progress are sealed here', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-codec-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'kinds.mjs')
  writeFileSync(
    file,
    `export const apart = { name: 'apart', async run(job, ctx) {
      if (job.attempt === 2) return { had: job.payload, progress: job.progress.data }
      ctx.progress(10, 'on', { of: job.payload })
      await ctx.flush()
      throw new Error('again')
    } }`,
  )
  const kind = defineKind<string>('apart', {
    codec: sealing(),
    isolate: 'thread',
    backoff: { base: '1ms' },
    module: pathToFileURL(file).href,
    run: () => {
      throw new Error('this must not run in the worker')
    },
  })
  const { queue, stored } = await open([kind as Kind])
  const id = await queue.enqueue(kind, CANARY)
  const worker = queue.work({ concurrency: 1 })
  expect(await queue.result(id, { timeout: '30s' })).toEqual({ had: CANARY, progress: { of: CANARY } })
  await worker.stop({ grace: '10s' })
  expect(await stored()).not.toContain(CANARY)
})

test('Q88 Q103 an HTTP worker is sent the plain payload; its answer and that of a callback are stored sealed', async () => {
  const bodies: { payload: unknown; callback_id?: string }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    bodies.push(JSON.parse(Buffer.concat(chunks).toString()))
    response.end(JSON.stringify({ said: CANARY }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const codec = sealing()
  const now = defineHttpKind<string>('now', { url, mode: 'sync', codec })
  const later = defineHttpKind<string>('later', { url, codec })
  const waits = defineKind<string>('waits', {
    codec,
    async run(_, ctx) {
      const callback = await ctx.callback('ok', RESUME)
      return callback.resolved ? { heard: callback.payload } : park(callback)
    },
  })
  const { queue, another, stored } = await open([now as Kind, later as Kind, waits as Kind])
  const ids = [await queue.enqueue(now, CANARY), await queue.enqueue(later, CANARY), await queue.enqueue(waits, CANARY)] as const
  await drain(queue)
  expect(bodies.map((one) => one.payload)).toEqual([CANARY, CANARY])
  expect(await queue.result(ids[0])).toEqual({ said: CANARY })

  const receive = callbackHandler(queue, { allowUnsigned: true })
  const answer = (id: string, payload: unknown) =>
    receive(
      new Request(callbackUrl('http://jobs.example.com', CALLBACK_PREFIX, id, 'complete'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ payload }),
      }),
    )
  const of = async (job: string) => (await queue.callbacks.list({ job_id: job }))[0]?.id as string
  const [first, second] = [await of(ids[1]), await of(ids[2])]
  expect((await answer(first, { said: `${CANARY} later` })).status).toBe(200)
  expect((await answer(first, { said: `${CANARY} later` })).status).toBe(200) // the identical answer is no error
  expect((await answer(first, { said: 'another' })).status).toBe(409)
  expect(await queue.result(ids[1])).toEqual({ said: `${CANARY} later` })
  await queue.callbacks.complete(second, { said: CANARY })
  await drain(queue)
  expect(await queue.result(ids[2])).toEqual({ heard: { said: CANARY } })
  expect((await queue.callbacks.get(first))?.payload).toEqual({ said: `${CANARY} later` })
  expect((await another([]).callbacks.get(first))?.payload).toBe('[sealed]')
  expect(await stored()).not.toContain(CANARY)
})

test('Q88 an expression of the database cannot read a sealed answer, and says so', async () => {
  const kind = defineKind('asks', {
    codec: sealing(),
    maxAttempts: 1,
    run: (_, ctx) => ctx.callback('ok', { filter: '$.ready == true' }).then(park),
  })
  const { queue } = await open([kind])
  const id = await queue.enqueue(kind, null)
  expect(await drain(queue)).toMatchObject([{ outcome: 'failed' }])
  expect((await queue.job(id))?.errors[0]?.error).toContain('is sealed')
})

test('Q88 limits of size count what is stored; what cannot be encoded is not stored in plain', async () => {
  const shrinking: Codec = {
    encode: (text) => String(text.length),
    decode: (text) => JSON.stringify('x'.repeat(Number(text) - 2)),
  }
  const growing: Codec = { encode: (text) => text.repeat(3).slice(0, 4_000_000), decode: (text) => text }
  const broken: Codec = {
    encode: () => {
      throw new Error('the key is away')
    },
    decode: (text) => text,
  }
  const seen: number[] = []
  const small = defineKind<string>('small', { codec: shrinking, run: (job) => void seen.push(job.payload.length) })
  const large = defineKind<string>('large', { codec: growing, run: () => undefined })
  const none = defineKind<string>('none', { codec: broken, run: () => undefined })
  const out = defineKind<null>('out', {
    codec: { encode: (text) => (text.includes(CANARY) ? broken.encode(text) : text), decode: (text) => text },
    maxAttempts: 1,
    run: () => CANARY,
  })
  const { queue, stored } = await open([small, large, none, out].map((one) => one as Kind))
  await queue.enqueue(small, 'x'.repeat(2_000_000))
  await expect(queue.enqueue(large, 'x'.repeat(500_000))).rejects.toMatchObject({
    code: 'validation_failed',
    members: { errors: [{ path: '/payload', code: 'too_large' }] },
  })
  await expect(queue.enqueue(none, CANARY)).rejects.toThrow('the key is away')
  const id = await queue.enqueue(out, null)
  await drain(queue)
  expect(seen).toEqual([2_000_000])
  expect(await queue.job(id)).toMatchObject({ state: 'failed', state_reason: 'output_invalid', output: null })
  expect(await stored()).not.toContain(CANARY)
})

test('Q88 a key that is not there costs attempts, never the job; what was stored before the codec runs as it is', async () => {
  const codec = sealing()
  let away = true
  const seen: unknown[] = []
  const kind = defineKind<string>('sealed', {
    codec: {
      encode: codec.encode,
      decode: (text) => {
        if (away) throw new Error('the key is away')
        return codec.decode(text)
      },
    },
    backoff: { base: '1s', jitter: 0 },
    run: (job) => void seen.push(job.payload),
  })
  const { queue, another } = await open([kind as Kind])
  await another([]).enqueueMany([{ kind: 'sealed', payload: 'from before' }])
  const id = await queue.enqueue(kind, CANARY)
  await drain(queue)
  expect(seen).toEqual(['from before'])
  expect((await queue.job(id))?.state).toBe('retrying')
  away = false
  await advance(queue, '1m')
  await drain(queue)
  expect(seen).toEqual(['from before', CANARY])
})

test('Q88 Q111 what is watched names the sealed job and holds nothing of it', async () => {
  const kind = defineKind<string>('sealed', { codec: sealing(), run: () => CANARY })
  const { queue } = await open([kind as Kind])
  const stop = new AbortController()
  const told: unknown[] = []
  const watching = (async () => {
    for await (const one of queue.watch({ kind: 'sealed' }, { signal: stop.signal })) {
      told.push(one)
      if (one.state === 'completed') return
    }
  })()
  const id = await queue.enqueue(kind, CANARY)
  const worker = queue.work({ concurrency: 1 })
  await eventually(async () => expect((await queue.job(id))?.state).toBe('completed'))
  await watching
  await worker.stop({ grace: '10s' })
  expect(told.at(-1)).toMatchObject({ id, state: 'completed' })
  expect(JSON.stringify(told)).not.toContain(CANARY)
})

test('Q88 a codec that is none is refused where the kind is declared', () => {
  expect(() => defineKind('x', { codec: { encode: String } as unknown as Codec, run: () => undefined })).toThrow(QueueError)
})
