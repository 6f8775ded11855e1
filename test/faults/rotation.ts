// What a rotation under fire is made of: secrets that are stored and read over the API while servers die, and an operator who rotates root and tenants' keys by looking at
// what is there, never by remembering what they did: whatever was cut is seen in the rows.
import { expect } from 'vitest'
import type { Answer, Client } from '../harness/client.ts'
import { clientOf } from '../harness/client.ts'
import type { Installation, Process } from '../harness/installation.ts'

const breathe = (ms = 50) => new Promise<void>((resolve) => void setTimeout(resolve, ms))

/** Again after a cut connection, at the next server; what is answered counts, whatever it is. */
export async function insist(servers: readonly Process[], from: number, call: (url: string) => Promise<Answer>): Promise<Answer> {
  for (let n = from; ; n++) {
    const { url } = servers[n % servers.length] as Process
    const answer = await call(url).catch((error: unknown) => {
      if (error instanceof TypeError) return null // fetch: cut, or refused
      throw error
    })
    if (answer) return answer
    await breathe()
  }
}

const AT_ONCE = 200
const value = (): string => `canary-${crypto.randomUUID().replaceAll('-', '')}`
const nameOf = (n: number): string => `s-${n}`

export type Secrets = {
  ids: string[]
  values: string[]
  /** Reads that were answered rightly. */
  reads: number
  writes: number
  tasks: number
  /** Answers that nobody should get. */
  strange: string[]
  stop(): Promise<void>
  /** Each of them once more. */
  readAll(): Promise<void>
}

/** `rest`: milliseconds between two calls of one caller. */
type Members = { installation: Omit<Installation, 'database'>; owner: Client; bearer: string; count: number; rest: number }

/** So many secrets, each an envelope of its own, and load on both servers until it is told to stop: the first tenth is replaced over and over, the rest is read. */
export async function keepSecrets({ installation, owner, bearer, count, rest }: Members): Promise<Secrets> {
  const { servers } = installation
  const person = (url: string): Client => clientOf(url, owner.credential)
  const own = { ids: [] as string[], values: Array.from({ length: count }, value), reads: 0, writes: 0, tasks: 0 }
  const strange: string[] = []
  const on = { going: true }
  const replaced = Math.ceil(count / 10)

  const store = (from: number, numbers: readonly number[], texts: readonly string[]) =>
    insist(servers, from, (url) =>
      person(url).post('/api/v1/connections/import', {
        items: numbers.map((n, i) => ({
          ...{ provider: 'ahrefs', name: nameOf(n), fields: { api_key: texts[i] }, replace: true },
        })),
      }),
    )
  for (let from = 0; from < count; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => from + i)
    const stored = await store(
      0,
      numbers,
      numbers.map((n) => own.values[n] as string),
    )
    expect([stored.status, stored.body.data?.find((one: { status: string }) => one.status === 'failed')]).toEqual([
      200,
      undefined,
    ])
    own.ids.push(...stored.body.data.map((one: { connection_id: string }) => one.connection_id))
  }

  /** Whether each opens as what was stored in it. */
  async function read(from: number, numbers: readonly number[]): Promise<void> {
    const items = numbers.map((n) => ({ connection_id: own.ids[n], fields: { api_key: own.values[n] as string } }))
    const { status, body } = await insist(servers, from, (url) => person(url).post('/api/v1/connections/compare', { items }))
    const states = (body?.data ?? []) as { state: string; connection_id: string }[]
    const wrong = states.filter(({ state }) => state !== 'match')
    if (status === 200 && states.length === items.length && wrong.length === 0) own.reads += items.length
    else strange.push(`read: ${status} ${body?.code ?? ''} ${JSON.stringify(wrong)}`)
  }

  const reading = servers.map(async (_, side) => {
    // The machine has room for what dies and starts.
    for (; on.going; await breathe(rest))
      await read(
        side,
        Array.from({ length: 10 }, () => replaced + Math.floor(Math.random() * (count - replaced))),
      )
  })
  const writing = async () => {
    for (let turn = 0; on.going; turn++, await breathe(rest)) {
      const numbers = Array.from({ length: 5 }, (_, i) => (turn * 5 + i) % replaced)
      const texts = numbers.map(value)
      const { status, body } = await store(turn, numbers, texts)
      if (status !== 200 || body.data.some((one: { status: string }) => one.status === 'failed'))
        strange.push(`write: ${status} ${JSON.stringify(body)}`)
      for (const [i, n] of numbers.entries()) own.values[n] = texts[i] as string
      own.writes += numbers.length
      await read(turn + 1, numbers)
    }
  }
  // Under keys of their own, which hang on the tenant's.
  const asked: { id: string; note: string }[] = []
  const readTask = async (from: number, { id, note }: { id: string; note: string }) => {
    const seen = await insist(servers, from, (url) => clientOf(url, { bearer }).get(`/api/v1/tasks/${id}`))
    if (seen.body?.payload?.note !== note) strange.push(`task: ${seen.status} ${JSON.stringify(seen.body?.payload ?? seen.body)}`)
  }
  const asking = async () => {
    for (let turn = 0; on.going; turn++, await breathe(rest)) {
      const note = value()
      const made = await insist(servers, turn, (url) =>
        clientOf(url, { bearer }).post('/api/v1/tasks', {
          task: 'May it go on?',
          payload: { note },
          response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
          timeout_seconds: 86_400,
          idempotency_key: note,
        }),
      )
      if (![200, 201].includes(made.status)) strange.push(`ask: ${made.status} ${JSON.stringify(made.body)}`)
      else {
        const one = { id: made.body.id, note }
        asked.push(one)
        await readTask(turn + 1, one)
        own.tasks++
      }
    }
  }
  const all = Promise.all([...reading, writing(), asking()])
  // Whoever stops them hears why one of them failed.
  all.catch(() => undefined)

  return Object.assign(own, {
    strange,
    async stop() {
      on.going = false
      await all
    },
    async readAll() {
      for (let from = 0; from < count; from += AT_ONCE)
        await read(
          0,
          Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => from + i),
        )
      for (const one of asked) await readTask(0, one)
    },
  })
}

type Version = { version: number; state: string; wraps: number }
type Rewrap = { id: string; state: string; phase: string; done: number; failed: number }

export type Operator = {
  /** Rounds that are over: added, promoted, rewrapped, retired. */
  rounds: number
  /** Of a rewrap that runs now; null: none does. */
  phase: string | null
  /** Set where somebody died: what held an open rewrap ends as time would end it, and somebody looks at it again as each minute does. */
  nudged: boolean
  /** Why it gave up; null: it did not. */
  fault: unknown
  /** What it saw last. */
  told: string
  /** Finishes the round that it is in. */
  finish(): Promise<void>
}

const STILL_MS = 20_000

/** `again`: what looks at open rewraps each minute, now. Rotates without an end: a further root key, new keys of tenants, every second time with new data keys and nonces too. */
export function rotate(
  { servers, owner, look }: Pick<Installation, 'servers' | 'owner' | 'look'>,
  again: () => Promise<unknown>,
): Operator {
  const own = { rounds: 0, phase: null as string | null, nudged: false, fault: null as unknown, told: '' }
  const on = { going: true }
  const seen = { said: '', at: performance.now() }
  let host: Client | null = null

  const asked = async (call: (host: Client) => Promise<Answer>): Promise<Answer> => {
    for (let n = 0; ; n++) {
      const answer = await insist(servers, n, async (url) => {
        host ??= await owner({ url } as Process)
        return call(clientOf(url, host.credential))
      })
      if (answer.body?.code !== 'step_up_required') return answer
      host = null
    }
  }
  const act = async (path: string, body: object = {}): Promise<void> => {
    const { status, body: told } = await asked((one) => one.post(`/api/v1/keyring${path}`, body))
    // What is refused for the moment is seen again at the next look.
    if (status >= 400 && told.code !== 'state_conflict') throw new Error(`${path}: ${status} ${JSON.stringify(told)}`)
  }

  async function step(): Promise<'over' | 'on'> {
    const { body } = await asked((one) => one.get('/api/v1/keyring'))
    const versions = body.versions as Version[]
    const open = (body.rewraps as Rewrap[]).filter(({ state }) => state !== 'finished')
    own.phase = open.find(({ state }) => state === 'running')?.phase ?? null
    if (open.length > 0) {
      const said = JSON.stringify(open.map(({ id, phase, done }) => [id, phase, done]))
      own.told = said
      if (seen.said !== said) Object.assign(seen, { said, at: performance.now() })
      // What was under way when somebody died may have told of itself once more after that.
      if (own.nudged || performance.now() - seen.at > STILL_MS) {
        Object.assign(own, { nudged: false })
        Object.assign(seen, { at: performance.now() })
        await look("update rewraps set held_until = now() - interval '1 second' where finished_at is null")
        await again()
      }
      return 'on'
    }
    const current = versions.find(({ state }) => state === 'current') as Version
    const next = versions.find(({ state, version }) => state === 'accepted' && version > current.version)
    own.told = JSON.stringify(versions.map(({ version, state, wraps }) => [version, state, wraps]))
    const older = versions.filter(({ state, version }) => state === 'accepted' && version < current.version)
    if (next) await act(`/versions/${next.version}/promote`)
    else if (older.some(({ wraps }) => wraps > 0)) {
      await act('/rewraps', { reseal: own.rounds % 2 === 1 })
      // Two at once: they go one after the other.
      if (own.rounds % 3 === 0) await act('/rewraps')
    } else if (older.length > 0) for (const { version } of older) await act(`/versions/${version}/retire`)
    else {
      if (current.version > 1) own.rounds = current.version - 1
      if (!on.going) return 'over'
      await act('/versions')
    }
    return 'on'
  }
  const working = (async () => {
    while ((await step()) === 'on') await breathe(100)
  })()
  working.catch((error: unknown) => {
    own.fault = error
  })

  return Object.assign(own, {
    async finish() {
      on.going = false
      await working
    },
  })
}
