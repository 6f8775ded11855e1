// An agent that tries every door (vault.md §12.2): each route of the contract table, with the ids of what its connections are made of, by its key, by a proof of its key pair and by
// the token of its run. No answer holds a stored secret or a slice of eight bytes of one, in whatever form.
import { expect, test } from 'vitest'
import { type Client, clientOf, type House, setup } from '#harness'
import { randomBytes } from '../../packages/server/src/crypto/token.ts'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { tx } from '../../packages/server/src/db/tx.ts'
import { newProver } from '../../packages/server/src/identity/testing/prover.ts'
import { tenantWire } from '../../packages/server/src/std/id.ts'
import {
  giveClient,
  giveProvider,
  keyProvider,
  oauthProvider,
  reaching,
} from '../../packages/server/src/vault/authorizations/testing/provider.ts'
import { openVendor } from '../../packages/server/src/vault/authorizations/testing/vendor.ts'
import { storeConnection } from '../../packages/server/src/vault/connections/store.ts'
import { type Call, callOf, type Ids, nobodys, rootRoutes, routes } from './calls.ts'

const SLICE = 8
/** So many characters of base64 are settled by eight bytes, wherever they stand. */
const BASE64 = 9

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const canary = (): string => [...randomBytes(40)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('')

/** Every slice in every form, by its length. */
function needlesOf(secrets: readonly string[]): Map<number, Set<string>> {
  const needles = new Map<number, Set<string>>()
  const add = (text: string) => {
    const known = needles.get(text.length) ?? new Set()
    needles.set(text.length, known.add(text))
  }
  for (const secret of secrets) {
    const bytes = Buffer.from(secret)
    for (let at = 0; at + SLICE <= bytes.length; at++) {
      const slice = bytes.subarray(at, at + SLICE)
      add(slice.toString('latin1'))
      add(slice.toString('hex'))
      add(slice.toString('hex').toUpperCase())
      for (const hex of [slice.toString('hex'), slice.toString('hex').toUpperCase()]) add(hex.replace(/../g, '%$&'))
    }
    for (const shift of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
      // What depends on the bytes on either side is left out.
      const own = text.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 4) / 3))
      for (let at = 0; at + BASE64 <= own.length; at++) {
        const window = own.slice(at, at + BASE64)
        add(window)
        add(window.replaceAll('+', '-').replaceAll('/', '_'))
      }
    }
  }
  return needles
}

function found(needles: Map<number, Set<string>>, text: string): string | null {
  for (const [length, known] of needles)
    for (let at = 0; at + length <= text.length; at++) {
      const window = text.slice(at, at + length)
      if (known.has(window)) return window
    }
  return null
}

test('the scan finds a slice of eight bytes in every form, and nothing in what holds none', () => {
  const [secret, other] = [canary(), canary()]
  const needles = needlesOf([secret])
  const slice = Buffer.from(secret.slice(11, 11 + SLICE))
  const percent = slice.toString('hex').replace(/../g, '%$&')
  for (const hidden of [slice.toString(), slice.toString('hex'), percent, percent.toUpperCase()])
    expect(found(needles, `before ${hidden} after`), hidden).not.toBeNull()
  for (const shift of [0, 1, 2])
    for (const form of ['base64', 'base64url'] as const)
      expect(found(needles, Buffer.concat([Buffer.alloc(shift, 'x'), Buffer.from(secret)]).toString(form))).not.toBeNull()
  expect(found(needles, `${other}${Buffer.from(other).toString('base64')}`)).toBeNull()
})

/** What an agent may use, stored under secrets of this test: a key, tokens, and the client that obtained them. */
async function furnish() {
  // A provider that says everything back that it was told.
  const vendor = await openVendor({
    '/me': ({ headers }) => ({ status: 403, json: { error: 'no', error_description: `not with ${headers['x-api-key']}` } }),
    '/token': ({ form, headers }) => ({
      status: 503,
      json: { error: 'temporarily_unavailable', error_description: `${form.refresh_token} ${headers.authorization}` },
    }),
  })
  const house = await setup(reaching(vendor))
  const secrets = { key: `key-${canary()}`, access: canary(), refresh: canary(), client: canary() }
  await giveProvider(house, keyProvider(vendor))
  await giveProvider(house, oauthProvider(vendor))
  await giveClient(house, 'acme', { secrets: { secret: secrets.client }, auth: 'post' })
  const scope = systemScope('test', house.tenantId)
  const { id: clientId } = await house.admin.one<{ id: string }>`select id from clients`
  const connections = await tx(house.db, scope, async (t) => {
    const own = { version: 1, belongs: { owner: house.alice.id } } as const
    const material = { access_token: secrets.access, refresh_token: secrets.refresh }
    return [
      await storeConnection(house.server.identity, t, scope, {
        ...{ ...own, provider: 'acme', method: 'code', material, clientId, scopes: ['read'] },
        ...{ expiresAt: new Date(t.now.getTime() + 3_600_000), refreshAt: null },
      }),
      await storeConnection(house.server.identity, t, scope, {
        ...{ ...own, provider: 'keyed', method: 'api_key', material: { api_key: secrets.key } },
      }),
    ]
  })
  const grants = []
  for (const { id } of connections) {
    const grant = await house.alice.post('/api/v1/grants', {
      ...{ agent_id: house.agent.id, connection_id: id, rules: [{ effect: 'allow' }] },
    })
    expect(grant.status, JSON.stringify(grant.body)).toBe(201)
    grants.push(grant.body.id as string)
  }
  return { house, secrets, connections, grants }
}

/** A stream that says nothing at first is left. */
const FIRST_MS = 300

/** Status, fields and all that is said; of what never ends, the beginning. */
async function read(by: Client, { method, path, body, headers }: Call, more: Record<string, string> = {}) {
  const abort = new AbortController()
  const answer = await by.raw(path, { method, body, headers: { ...headers, ...more }, signal: abort.signal })
  const head = JSON.stringify([...answer.headers])
  if (!answer.headers.get('content-type')?.startsWith('text/event-stream'))
    return { status: answer.status, text: `${head}${await answer.text()}` }
  const late = setTimeout(() => abort.abort(), FIRST_MS)
  const first = await answer.body
    ?.getReader()
    .read()
    .catch(() => ({ value: undefined }))
  clearTimeout(late)
  abort.abort()
  return { status: answer.status, text: `${head}${Buffer.from(first?.value ?? []).toString()}` }
}

test('V8 V133 §12.2 an agent with a grant calls every route with its key, its proof and the token of its run: no answer holds a secret or a slice of one', {
  timeout: 300_000,
}, async () => {
  const { house, secrets, connections, grants } = await furnish()
  const needles = needlesOf(Object.values(secrets))
  const task = await house.given.task()
  const prover = await newProver('EdDSA')
  await house.given.key({ kind: 'agt', agent_id: house.agent.id, public_key: prover.jwk })
  const openRun = async () => {
    const opened = await house.agent.post('/api/v1/runs', { purpose: 'a look around' })
    expect(opened.status, JSON.stringify(opened.body)).toBe(201)
    return opened.body as { token: string; run: { id: string } }
  }
  let run = await openRun()

  const answered = { key: 0, proof: 0, run: 0 }
  const hits: string[] = []
  const ways: Record<keyof typeof answered, (call: Call) => ReturnType<typeof read>> = {
    key: (call) => read(house.agent, call),
    async proof(call) {
      const own = { method: call.method, url: `${house.url}${call.path}`, at: house.clock.now() }
      return read(house.nobody, call, await prover.headers(call.body === undefined ? own : { ...own, body: call.body }))
    },
    run: (call) => read(clientOf(house.url, { bearer: run.token }), call),
  }

  for (const one of [...routes, ...rootRoutes]) {
    for (const { id } of connections) {
      const grant = grants[connections.findIndex((connection) => connection.id === id)] as string
      const known: Record<string, string> = {
        ...{ conn: id, grt: grant, run: run.run.id, agt: house.agent.id, task: task.id, usr: house.alice.id },
        ...{ key: house.agent.keyId, ten: tenantWire(house.tenantId) },
      }
      const ids: Ids = (prefix) => known[prefix] ?? nobodys(prefix)
      const { call, places } = callOf(one, ids)
      // The other connection makes no other call where none is named.
      if (id !== connections[0]?.id && ![...places].some((place) => place.endsWith(':conn'))) continue
      const named = {
        ...call,
        path: call.path.replace(/^(.*\/providers\/)a+(?=\/|\?|$)/, `$1${id === connections[0]?.id ? 'acme' : 'keyed'}`),
      }
      for (const way of Object.keys(ways) as (keyof typeof answered)[]) {
        const { status, text } = await ways[way](named)
        if (status < 400) answered[way]++
        const hit = found(needles, text)
        if (hit !== null) hits.push(`${way}: ${status} ${one.method} ${one.path}: ${hit}`)
        if (status >= 500 && status !== 503 && status !== 502)
          hits.push(`${way}: ${status} ${one.method} ${one.path}: ${text.slice(0, 500)}`)
      }
      // It may have ended its own run, or taken its task back.
      if (one.method !== 'GET' && (await clientOf(house.url, { bearer: run.token }).get('/api/v1/runs/self')).status !== 200)
        run = await openRun()
    }
  }
  expect(hits).toEqual([])
  await stillMay(house, connections, {
    proof: await ways.proof({ method: 'GET', path: '/api/v1/agents/self', body: undefined, headers: {} }),
  })
  process.stdout.write(
    `every route: ${routes.length + rootRoutes.length} routes, answered below 400: ${JSON.stringify(answered)}\n`,
  )
  expect(Math.min(answered.key, answered.proof)).toBeGreaterThan(40)
  expect(answered.run).toBeGreaterThan(2)
})

/** Otherwise nothing was tried: key and proof still count, and both connections are seen. */
async function stillMay(
  house: House,
  connections: readonly { id: string }[],
  { proof }: { proof: { status: number } },
): Promise<void> {
  expect(proof.status).toBe(200)
  for (const { id } of connections) expect((await house.agent.get(`/api/v1/connections/${id}`)).status).toBe(200)
}
