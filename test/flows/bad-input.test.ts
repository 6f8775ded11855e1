// Everything that can be wrong with a call, at every route of the contract table: a problem of the catalogue with its place and the headers of every answer,
// never a 500, and nothing half written. It knows the routes from the table alone; only what a valid call says stands here.
import { request } from 'node:http'
import { createQueue, defineKind, type Kind, park } from '@countersign/queue'
import { drain } from '@countersign/queue/testing'
import { isProblemCode, PROBLEMS } from '@countersign/sdk'
import { expect, onTestFinished, test } from 'vitest'
import { type Admin, type AgentCaller, type Client, clientOf, type House, type Person, setup } from '#harness'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { tx } from '../../packages/server/src/db/tx.ts'
import { MAX_BODY } from '../../packages/server/src/http/body.ts'
import { acceptedBy } from '../../packages/server/src/http/credential.ts'
import type { Route } from '../../packages/server/src/http/route.ts'
import { MATRIX } from '../../packages/server/src/identity/matrix.ts'
import { describeRoutes } from '../../packages/server/src/main/rooms.ts'
import { relayAgent } from '../../packages/server/src/relay/testing/relay.ts'
import { newId, newTenantUuid, tenantWire } from '../../packages/server/src/std/id.ts'
import { linksTo, readerOf } from '../../packages/server/src/tasks/links/links.fixture.ts'
import { storeConnection } from '../../packages/server/src/vault/connections/store.ts'

type IdPrefix = Parameters<typeof newId>[0] | 'ten'
/** What a part of a path is: an id of this prefix, a name that somebody chose, a number that counts things, or a digest of what is proposed. */
type Part = IdPrefix | 'name' | 'number' | 'digest'
type At = (part: Part) => string
type Schema = NonNullable<Route['spec']['body']>

// What is signed is refused before it is read, in one way for everything; its receiver's own tests hold it against the bad input of its table.
const routes = describeRoutes().routes.filter((one) => !one.spec.bytes)
const mutating = routes.filter((one) => one.method !== 'GET')
const YES_NO = { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] }

const CARD = {
  slug: 'alpha',
  name: 'Alpha',
  summary: 'x',
  skills: [{ id: 'x', name: 'x', description: 'x', tags: ['x'] }],
  accepted_inputs: ['text/plain'],
  expected_outputs: ['text/plain'],
}
const RULES = { provider: 'rules', rules: [{ schema: {}, message: 'No.' }] }

/** A definition of a provider. */
const ALPHA = JSON.stringify({
  ...{
    schema: 1,
    name: 'alpha',
    kind: 'custom',
    display_name: 'Alpha',
    hosts: [{ host: 'api.alpha.example' }],
    methods: ['api_key'],
  },
  api_key: { fields: [{ name: 'api_key', label: 'API key', secret: true }] },
  inject: [{ where: 'header', name: 'X-Api-Key', template: '{{api_key}}' }],
})

/** A body with which the route would act, for those that take one. A new route with a body of required members has to be named here. */
const BODIES: Record<string, unknown> = {
  'POST /setup/operator': { token: 'x', email: 'x@example.com', password: 'marble-otter-sings-7-hymns' },
  'POST /auth/login': { login: 'x@example.com', password: 'x' },
  'POST /auth/step-up': { password: 'x' },
  'POST /me/password': { password: 'x' },
  'PATCH /users/:id': { state: 'deactivated' },
  'PUT /users/:id/role': { role: 'viewer' },
  'POST /invitations': { email: 'x@example.com', role: 'viewer' },
  'POST /invitations/accept': { token: 'x', email: 'x@example.com', password: 'marble-otter-sings-7-hymns' },
  'POST /agents': { name: 'x' },
  'POST /agents/register': { public_key: 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', handle: 'x' },
  'POST /cli/sign-ins': { client: 'x' },
  'POST /cli/sign-ins/fetch': { secret: 'x'.repeat(43) },
  'POST /cli/sign-ins/look': { code: 'BCDF-GHJK' },
  'POST /cli/sign-ins/approve': { code: 'BCDF-GHJK' },
  'POST /cli/sign-ins/refuse': { code: 'BCDF-GHJK' },
  'POST /agents/:id/registration': { token: 'x' },
  'POST /agents/:id/claim': { token: 'x' },
  'POST /agents/:id/reject': { token: 'x' },
  'PATCH /connections/:id': { labels: ['x'] },
  'POST /authorizations': { provider: 'ahrefs', name: 'beta' },
  'POST /connection-proposals': { provider: 'ahrefs', reason: 'x' },
  'POST /grants': { agent_id: newId('agt'), connection_id: newId('conn'), rules: [{ effect: 'allow' }] },
  'PATCH /grants/:id': { max_uses: 1 },
  'POST /runs': { purpose: 'x' },
  'POST /proxy/nodes': { fingerprint: 'b'.repeat(64), name: 'x' },
  'POST /connections/:id/export': { fields: ['api_key'], format: 'json', reason: 'x' },
  'PATCH /agents/:id': { name: 'x' },
  'POST /keys': { kind: 'adm' },
  'POST /tasks/:id/comments': { body: 'x' },
  'POST /tasks/:id/send-back': { comment: 'x' },
  'POST /tasks/:id/revisions': { note: 'x', description: 'x' },
  'POST /tasks/:id/outcome': { status: 'skipped' },
  'POST /tasks': { task: 'x', response_schema: YES_NO, timeout_seconds: 60, idempotency_key: 'x', payload: {} },
  'POST /tasks/wait': { ids: [newId('task')], timeout: 1 },
  'POST /tasks/:id/decide': { type: 'respond', response: { approve: true }, seen_revision: 1 },
  'POST /tasks/:id/decide/challenge': { type: 'respond', response: { approve: true }, seen_revision: 1 },
  'POST /tasks/:id/complete': { response: { approve: true } },
  'PATCH /tasks/:id': { priority: 'high' },
  'POST /tasks/:id/reassign': { assign_to: null, reason: 'x' },
  'POST /pools': { name: 'beta', members: [] },
  'PUT /pools/:id': { name: 'gamma', members: [] },
  'PUT /routing': { default_pool_id: null, fallback_pool_id: null },
  'PUT /users/:id/labels': { roles: [], access_levels: [] },
  'POST /tasks/:id/images': { url: 'https://images.example/a.png' },
  'POST /forms': { name: 'x', response_schema: YES_NO },
  'POST /forms/preview': { response_schema: YES_NO },
  'PUT /forms/:name': { response_schema: YES_NO },
  'POST /channels/email/action': { token: 'x' },
  'POST /channels/email/identities': { id: 'beta', display_name: 'x', from_email: 'x@example.com', transport: 'none' },
  'PATCH /channels/email/identities/:id': { display_name: 'x' },
  'POST /channels/email/identities/:id/test': { to: 'x@example.com' },
  'POST /channels/email/identities/:id/confirm': { code: 'x' },
  'PUT /channels/webhook/templates/:endpoint': { template: 'raw' },
  'POST /channels/webhook/test': { endpoint: newId('whe') },
  'POST /verifiers': { name: 'beta', config: RULES },
  'PUT /verifiers/:id': { name: 'gamma', config: RULES },
  'PUT /provider-keys/:name': { provider: 'openai', key: 'x' },
  'POST /tasks/:id/verification': { passed: true },
  'POST /tasks/:id/verification/override': { reason: 'x' },
  'POST /embed/tokens': { task_id: newId('task'), parent_origin: 'https://app.example.com' },
  'POST /embed/origins': { origin: 'https://app.example.com' },
  'PUT /channels/slack/app': { signing_secret: '0123456789abcdef' },
  'POST /channels/slack/installations': { bot_token: 'xoxb-0123456789' },
  'POST /channels/slack/test': { target: '#general' },
  'POST /channels/slack/link': { token: 'x'.repeat(43) },
  'POST /providers/check': { source: ALPHA },
  'POST /providers': { source: ALPHA },
  'PUT /providers/:name': { source: ALPHA },
  'PUT /providers/:name/client': { client_id: 'x', auth: 'none' },
  'POST /jobs': { kind: 'alpha' },
  'POST /jobs/:id/reschedule': { run_at: '2030-01-01T00:00:00.000Z' },
  'POST /jobs/bulk-retry': { ids: [newId('job')] },
  'POST /jobs/bulk-cancel': { ids: [newId('job')] },
  'POST /cards': { ...CARD, slug: 'beta' },
  'POST /cards/preview': { ...CARD, slug: 'beta' },
  'PUT /cards/:id/delivery': { mode: 'inbox' },
  'POST /cards/import': { url: 'https://alpha.example/card.json' },
  'POST /cards/:id/listing': { action: 'submit' },
  'POST /cards/:id/domains': { domain: 'beta.example' },
  'POST /cards/:id/review': { version: 1, decision: 'list' },
  'POST /agents/:slug/report': { reason: 'spam' },
  'POST /contacts/:id/report': { reason: 'spam' },
  'POST /exports': { subject: 'relay_grant', id: newId('rgr') },
  'POST /erasures': { subject: 'relay_grant', id: newId('rgr') },
  'POST /threads/:id/endpoints': { url: 'http://127.0.0.1:9/', generate_secret: true },
  'POST /blocks': { domain: 'beta.example' },
  'PUT /handles/:handle': { of: 'user' },
  'POST /agents/:slug/connection-requests': { purpose: 'x' },
  'POST /relay-grants': { agent: 'alpha', label: 'x', purpose: 'x' },
  'POST /relay-grants/:id/standing-permissions': { task_id: newId('task'), for_seconds: 600 },
  'POST /agents/:slug/threads': { text: 'x' },
  'POST /agents/:slug/invoke': { text: 'x', skill: 'x' },
  'POST /threads/:id/messages': { text: 'x' },
  'POST /threads/:id/responses': { text: 'x' },
  'POST /agents/:slug/inbox/settle': [{ claim_token: 'x', action: 'ack' }],
  'PATCH /tenants/:id': { state: 'suspended', reason: 'They asked us to hold everything.' },
  'PATCH /queues/:name': { aging_seconds: 60 },
  'POST /schedules': { name: 'x', cron: '@hourly', kind: 'alpha' },
  'PATCH /schedules/:name': { overlap: 'skip' },
  'POST /dead-letters/bulk-retry': { filter: { ids: [newId('job')] } },
  'POST /dead-letters/bulk-purge': { filter: { ids: [newId('job')] } },
  'POST /dead-letters/bulk-move': { filter: { ids: [newId('job')] } },
}
/** Put under a name that is new, it is made. */
const MAKES = ['PUT /provider-keys/:name', 'PUT /handles/:handle']
const headOf = (one: Route) => `${one.method} ${one.path}`
const named = (one: Route) => `${headOf(one)} (${one.spec.dialect ?? 'native'})`
const bodyOf = (one: Route): unknown => BODIES[headOf(one)] ?? {}

/** Here a token says who asks: without it one hears the same of every id, whether there is such a thing or not. */
const BY_TOKEN: Readonly<Record<string, string>> = {
  'POST /agents/:id/registration': 'claim_expired',
  'POST /agents/:id/claim': 'claim_expired',
  'POST /agents/:id/reject': 'claim_expired',
  'GET /runs/self/holds/:task_id': 'forbidden',
}

/** Some rows of the matrix are the asking agent's alone. */
const OF_AGENTS = ['task.revise', 'task.report_outcome', 'task.verify']
/** What the asking side of the relay does with what it asked for. */
const OF_ASKERS = /^\/connection-requests\/:id\/(?:withdraw|collect)$/
function callerOf(house: Here, one: Route): Client {
  if (OF_AGENTS.includes(one.spec.action ?? '') || /^\/(?:runs|agents)\/self/.test(one.path)) return house.agent
  if (OF_ASKERS.test(one.path)) return house.asker
  return takesPeople(one) ? house.alice : house.serving
}
const takesPeople = (one: Route): boolean => acceptedBy(one.spec).includes('session') || one.spec.auth === 'none'

/** `serving`: an agent that serves the card of this tenant. `asker`: of another tenant, that wants to work with it. */
type Here = House & { serving: AgentCaller; asker: AgentCaller }

async function openHere(): Promise<Here> {
  const house = await setup({ settings: NOWHERE })
  const serving = await relayAgent(house, house.alice, 'serving')
  const tenantId = await house.given.tenant('Askers')
  const owner = await house.given.user({ role: 'owner', tenantId })
  return Object.assign(house, { serving, asker: await relayAgent(house, owner, 'asker', tenantId) })
}

/** The prefix of ids that a part of the path wants, or that it wants none. */
function partOf(schema: Schema | undefined, name: string): Part {
  if (['version', 'n'].includes(name)) return 'number'
  if (name === 'digest') return 'digest'
  const pattern = (schema as { def?: { checks?: { _zod: { def: { pattern?: RegExp } } }[] } } | undefined)?.def?.checks?.[0]?._zod
    .def.pattern
  const prefix = /\(\?:([a-z]+)/.exec(String(pattern))?.[1]
  return (prefix as IdPrefix | undefined) ?? 'name'
}

const pathOf = (one: Route, at: At): string =>
  (one.spec.dialect === 'compatible' ? '/api' : '/api/v1') +
  one.path.replace(/:([a-z_]+)/g, (_, name: string) => at(partOf(one.spec.params?.[name], name)))

const isNamed = (one: Route): boolean =>
  Object.entries(one.spec.params ?? {}).some(([name, schema]) => ['name', 'number'].includes(partOf(schema, name)))
/** What nobody has. */
const nobodys: At = (part) => {
  if (part === 'name') return `nobody-${crypto.randomUUID()}`
  if (part === 'number') return '987654'
  if (part === 'digest') return crypto.randomUUID().replaceAll('-', '').repeat(2)
  return part === 'ten' ? tenantWire(newTenantUuid()) : newId(part)
}

/** Port 9 of this machine takes nothing: an endpoint may be there. */
const NOWHERE = { EGRESS_HTTP: '1', EGRESS_ALLOW: '127.0.0.1:9' }

/** One thing of each kind, in the tenant of alice; what has a name is called alpha. */
async function things(house: Here): Promise<At> {
  const webhook = await webhookOf(house)
  const task = await house.given.task()
  const member = await house.given.user({ role: 'member' })
  const invitation = await house.alice.post('/api/v1/invitations', { email: 'invited@example.com', role: 'member' })
  const session = (await house.alice.get('/api/v1/me/sessions')).body.data[0]
  const event = (await house.alice.get('/api/v1/events')).body.data[0]
  const ids: Partial<Record<Part, string>> = {
    task: task.id,
    dec: await decisionOf(house),
    usr: member.id,
    inv: invitation.body.id,
    ses: session.id,
    evt: event.id,
    agt: house.agent.id,
    key: house.agent.keyId,
    lnk: await linkOf(house, task.id, member),
    ...(await embedded(house, task.id)),
    name: 'alpha',
    number: '1',
    ver: await verifierOf(house),
    digest: await proposed(house),
    ...(await routed(house)),
    ...(await vaulted(house)),
    ...webhook,
    ...(await relayed(house)),
    ...(await met(house)),
    ...(await thingsOfHosts(house)),
    ...(await parkedJob(house)),
  }
  return (part) => {
    const id = ids[part]
    if (!id) throw new Error(`Nothing of kind ${part} is made here; a new route wants one.`)
    return id
  }
}

/** A pool, and a notice of a task. */
async function routed({ alice, given }: House): Promise<Partial<Record<Part, string>>> {
  const pool = await alice.post('/api/v1/pools', { name: 'alpha', members: [] })
  const task = await given.task({ notify: ['push:alpha@example.com'] })
  const notices = await alice.get(`/api/v1/tasks/${task.id}/notices`)
  return { pool: pool.body.id, ntc: notices.body.data[0].id }
}

/** A connection of a bundled provider, a grant on it, and a run of the agent. */
async function vaulted(house: House): Promise<Partial<Record<Part, string>>> {
  const { alice, agent, db, tenantId } = house
  const scope = systemScope('given', tenantId)
  const { id } = await tx(db, scope, (t) =>
    storeConnection(house, t, scope, {
      ...{ provider: 'ahrefs', version: 0, belongs: { owner: alice.id }, method: 'api_key' },
      material: { api_key: 'x'.repeat(32) },
    }),
  )
  const grant = await alice.post('/api/v1/grants', { agent_id: agent.id, connection_id: id, rules: [{ effect: 'allow' }] })
  const run = await agent.post('/api/v1/runs', { purpose: 'x' })
  if (grant.status !== 201 || run.status !== 201)
    throw new Error(`no grant, or no run: ${JSON.stringify([grant.body, run.body])}`)
  const started = await alice.post('/api/v1/authorizations', { provider: 'ahrefs', name: 'alpha' })
  if (started.status !== 201) throw new Error(`no authorization: ${JSON.stringify(started.body)}`)
  const wish = await agent.post('/api/v1/connection-proposals', { provider: 'ahrefs', name: 'beta', reason: 'x' })
  if (wish.status !== 201) throw new Error(`no proposal: ${JSON.stringify(wish.body)}`)
  return { conn: id, grt: grant.body.id, run: run.body.run.id, atz: started.body.authorization_id, prp: wish.body.id }
}

/** The digest of a definition that waits for approval. */
async function proposed({ alice }: House): Promise<string> {
  const { status, body } = await alice.post('/api/v1/providers', { source: ALPHA })
  if (status !== 202) throw new Error(`no provider: ${JSON.stringify(body)}`)
  return body.digest
}

/** Whoever asked for the card is a peer from then on. And somebody who is refused, and a name to be found by. */
async function met({ alice }: House): Promise<Partial<Record<Part, string>>> {
  await alice.put('/api/v1/handles/alpha', { of: 'user', findable: true })
  const [contact] = (await alice.get('/api/v1/contacts?direction=in')).body.data
  const block = await alice.post('/api/v1/blocks', { domain: 'alpha.example' })
  return { ctc: contact.id, blk: block.body.id }
}

/** The public card of an agent, what was asked of it and what it gave, and a thread with a message. */
async function relayed({ alice, asker, url }: Here): Promise<Partial<Record<Part, string>>> {
  const made = {
    card: await alice.post('/api/v1/cards', CARD),
    creq: await asker.post('/api/v1/agents/alpha/connection-requests', { purpose: 'x' }),
    rgr: await alice.post('/api/v1/relay-grants', { agent: 'alpha', label: 'x', purpose: 'x' }),
  }
  for (const [part, { status, body }] of Object.entries(made))
    if (status !== 201) throw new Error(`no ${part}: ${status} ${JSON.stringify(body)}`)
  const caller = clientOf(url, { bearer: made.rgr.body.relay_token })
  const thread = await caller.post('/api/v1/agents/alpha/threads', { text: 'x' })
  if (thread.status !== 202) throw new Error(`no thread: ${JSON.stringify(thread.body)}`)
  const { thread_id: thr, message_id: msg } = thread.body
  const domain = await alice.post(`/api/v1/cards/${made.card.body.id}/domains`, { domain: 'alpha.example' })
  const [exported, erasure] = await Promise.all(
    ['/api/v1/exports', '/api/v1/erasures'].map((path) => alice.post(path, { subject: 'thread', id: thr })),
  )
  if (exported?.status !== 202 || erasure?.status !== 202)
    throw new Error(`nothing leaves: ${JSON.stringify([exported?.body, erasure?.body])}`)
  return {
    exp: exported.body.id,
    ers: erasure.body.id,
    dom: domain.body.id,
    card: made.card.body.id,
    creq: made.creq.body.id,
    rgr: made.rgr.body.relay_grant.id,
    thr,
    msg,
  }
}

/** A stored verifier, and a key of a provider by the name alpha. */
async function verifierOf({ alice }: House): Promise<string> {
  await alice.put('/api/v1/provider-keys/alpha', { provider: 'openai', key: 'x' })
  return (await alice.post('/api/v1/verifiers', { name: 'alpha', config: RULES })).body.id
}

/** A link of a task, and a sender of the mail that would bring it. */
async function linkOf(house: House, taskId: string, member: Person): Promise<string> {
  const sender = { id: 'alpha', display_name: 'Alpha', from_email: 'alpha@example.com', transport: 'none' }
  const made = await house.alice.post('/api/v1/channels/email/identities', sender)
  if (made.status !== 201) throw new Error(`no sender of mail: ${JSON.stringify(made.body)}`)
  const [link] = await linksTo(house, taskId, readerOf(member))
  return link?.id as string
}

/** On another task, which it settled. */
async function decisionOf({ alice, given }: House): Promise<string> {
  const { id } = await given.task()
  const answer = { type: 'respond', response: { approve: true }, seen_revision: 1 }
  const { body } = await alice.post(`/api/v1/tasks/${id}/decide`, answer)
  return body.decisions[0].id
}

/** A page of somebody else's, and a token for it. */
async function embedded({ alice }: House, taskId: string): Promise<{ emo: string; emb: string }> {
  const origin = await alice.post('/api/v1/embed/origins', { origin: 'https://shop.example' })
  const token = await alice.post('/api/v1/embed/tokens', { task_id: taskId, parent_origin: 'https://shop.example' })
  if (token.status !== 200) throw new Error(`no embed: ${JSON.stringify([origin.body, token.body])}`)
  return { emo: origin.body.id, emb: token.body.id }
}

/** What hosts run the installation with. Alice is one: else nothing of theirs would be open to her. */
async function thingsOfHosts({ alice, admin, given }: House): Promise<Partial<Record<Part, string>>> {
  await admin.run`insert into hosts (user_id, since) values (${alice.id}::text, countersign.now())`
  const tenant = await given.tenant('Next door')
  const reason = 'They asked why their jobs stand still.'
  const made = {
    ten: await alice.get(`/api/v1/tenants/${tenantWire(tenant)}`),
    bgl: await alice.post('/api/v1/break-glass', { tenant_id: tenantWire(tenant), reason }),
    inc: await alice.post('/api/v1/incidents', { severity: 'SEV-3', title: 'Slow', body: 'We look.', components: ['database'] }),
    aex: await alice.post('/api/v1/audit/exports', {}),
    rwp: await alice.post('/api/v1/vault/rotate', {}),
    nod: await alice.post('/api/v1/proxy/nodes', { fingerprint: 'a'.repeat(64), name: 'alpha' }),
  }
  for (const [part, { status, body }] of Object.entries(made))
    if (status > 299) throw new Error(`no ${part}: ${JSON.stringify(body)}`)
  return Object.fromEntries(Object.entries(made).map(([part, { body }]) => [part, body.id]))
}

/** An endpoint, a delivery on its way to it, and a replay. */
async function webhookOf({ alice, given }: House): Promise<{ whe: string; dlv: string; rpy: string }> {
  const made = await alice.post('/api/v1/endpoints', { url: 'http://127.0.0.1:9/', events: 'task.created', verify: false })
  await given.task()
  const delivery = (await alice.get('/api/v1/deliveries')).body.data[0]
  const replay = await alice.post('/api/v1/replays', { endpoint_id: made.body.id })
  if (!delivery || replay.status !== 202) throw new Error(`no webhook: ${JSON.stringify([made.body, replay.body])}`)
  return { whe: made.body.id, dlv: delivery.id, rpy: replay.body.id }
}

/** A job that waits for a callback, in a queue of its own, and a schedule. */
async function parkedJob({ alice, db }: House): Promise<{ job: string; cb: string }> {
  const alpha = defineKind('alpha', { run: async (_, ctx) => park(await ctx.callback('answer')) }) as Kind
  const engine = createQueue({ database: db.pool, listen: false, kinds: [alpha] })
  await engine.register()
  const job = await alice.post('/api/v1/jobs', { kind: 'alpha', queue: 'alpha' })
  await drain(engine, { queues: ['alpha'] })
  await engine.close()
  const schedule = await alice.post('/api/v1/schedules', { name: 'alpha', cron: '@yearly', kind: 'alpha' })
  const callback = (await alice.get('/api/v1/callbacks')).body.data[0]
  if (schedule.status !== 201 || !callback) throw new Error(`no job waits: ${JSON.stringify([job.body, schedule.body])}`)
  return { job: job.body.id, cb: callback.id }
}

// Counted or stamped by whoever calls, whatever becomes of the call, or by a process that lives.
const COUNTED = ['countersign.keyring_leases', 'countersign.buckets', 'countersign.replies', 'countersign.test_clock']
const STAMPED = ['last_seen_at', 'last_used_at', 'last_used_from']

/** Every row of every table, but for what a call leaves by being a call. */
async function contents(admin: Admin): Promise<Record<string, string>> {
  const { rows: tables } = await admin.query(`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema in ('countersign', 'countersign_queue')`)
  const found: Record<string, string> = {}
  for (const { name } of tables.filter((table) => !COUNTED.includes(table.name))) {
    const { rows } = await admin.query(
      `select count(*) || ' ' || coalesce(md5(string_agg(row, '' order by row)), '') as all
       from (select (to_jsonb(t) - $1::text[])::text as row from ${name} t) as rows`,
      [STAMPED],
    )
    found[name] = rows[0].all
  }
  expect(Object.keys(found).length).toBeGreaterThan(20)
  return found
}

const HEADERS: Record<string, string | null> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy':
    'camera=(), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)',
  'cache-control': 'no-store',
  'content-type': 'application/problem+json',
  'access-control-allow-origin': null,
  'x-powered-by': null,
}

type Said = { status: number; headers: Headers; text: string }
type Refusal = { code: string; errors: { path: string; code: string; message: string }[] }

/** What is wrong with a refusal, in words; an empty list when nothing is. */
function faultsOf({ status, headers, text }: Said): string[] {
  const faults: string[] = []
  const say = (is: boolean, what: string) => void (is || faults.push(what))
  say(status >= 400 && status < 500, `status ${status}: ${text.slice(0, 200)}`)
  for (const [name, value] of Object.entries(HEADERS)) say(headers.get(name) === value, `${name} is ${headers.get(name)}`)
  if (!/^\{/.test(text)) return [...faults, `no problem: ${text.slice(0, 100)}`]
  const body = JSON.parse(text)
  say(
    isProblemCode(body.code) && PROBLEMS[body.code as keyof typeof PROBLEMS].status === status,
    `code ${body.code} with ${status}`,
  )
  say(body.status === status && typeof body.title === 'string' && typeof body.type === 'string', 'members of a problem')
  say(/^req_/.test(body.request_id) && headers.get('x-request-id') === body.request_id, 'the id of the request')
  if (body.code === 'validation_failed')
    say(
      body.errors?.length > 0 &&
        body.errors.every((one: Record<string, unknown>) => typeof one.path === 'string' && one.code && one.message),
      'the places of the errors',
    )
  return faults
}

/** Collects what was wrong, so that one run says everything. Where somebody was slowed down on the way, the counters are emptied and the call is made again. */
function openJudge({ admin }: House) {
  const wrong: string[] = []
  let calls = 0
  const said = async (call: () => Promise<Said | Response>): Promise<Said> => {
    const got = await call()
    return got instanceof Response ? { status: got.status, headers: got.headers, text: await got.text() } : got
  }
  const judge = async (
    what: string,
    call: () => Promise<Said | Response>,
    expected: (status: number, body: Refusal) => boolean,
  ): Promise<void> => {
    for (;;) {
      const got = await said(call)
      calls++
      const faults = faultsOf(got)
      if (got.status === 429 && faults.length === 0 && Number(got.headers.get('retry-after')) > 0) {
        await admin.query('delete from countersign.buckets')
        continue
      }
      const body = faults.length === 0 ? (JSON.parse(got.text) as Refusal) : null
      if (body && !expected(got.status, body))
        faults.push(`unexpected ${got.status} ${body.code} ${JSON.stringify(body.errors ?? '')}`)
      for (const fault of faults) wrong.push(`${what}: ${fault}`)
      return
    }
  }
  onTestFinished(() => void process.stdout.write(`bad input: ${calls} calls refused\n`))
  return { wrong, judge }
}

/** A few at a time: as many as a busy browser. */
async function inTurns<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  const rest = [...all]
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (let one = rest.shift(); one !== undefined; one = rest.shift()) await each(one)
    }),
  )
}

const json = { 'content-type': 'application/json' }

test('§21 T166 every mutating route refuses bodies that are no JSON, of another type, too large, or that JSON readers disagree about, and writes nothing', {
  timeout: 240_000,
}, async () => {
  const house = await openHere()
  const id = await things(house)
  const before = await contents(house.admin)
  const { wrong, judge } = openJudge(house)
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
  const bodies: [string, string | Buffer, number[]][] = [
    ['cut off', '{"a":', [400]],
    ['a trailing comma', '{"a":1,}', [400]],
    ['NaN', '{"a":NaN}', [400]],
    ['a name twice', '{"a":1,"a":1}', [400]],
    ['__proto__', '{"__proto__":{"a":1}}', [400]],
    ['U+0000', '{"a":"\\u0000"}', [400]],
    ['half a surrogate', '{"a":"\\ud800"}', [400]],
    ['a BOM', '\ufeff{}', [400]],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), [400]],
    ['depth 65', deep(65), [400]],
    ['a scalar', '5', [400, 422]],
    ['a list', '[]', [400, 422]],
    ['nothing but null', 'null', [400, 422]],
  ]
  await inTurns(mutating, async (one) => {
    const path = pathOf(one, id)
    const send = (body: string | Buffer, headers: Record<string, string> = json) =>
      callerOf(house, one).raw(path, { method: one.method, body: body as BodyInit, headers })
    for (const [what, body, expected] of bodies)
      await judge(
        `${named(one)} with ${what}`,
        () => send(body),
        (status) => expected.includes(status),
      )
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=utf-16',
    ])
      await judge(
        `${named(one)} as ${type}`,
        () => send('{}', { 'content-type': type }),
        (status, { code }) => status === 415 && code === 'media_type_unsupported',
      )
    await judge(
      `${named(one)} gzipped`,
      () => send('{}', { ...json, 'content-encoding': 'gzip' }),
      (status) => status === 415,
    )
    await judge(
      `${named(one)} too large`,
      () => announce(house, callerOf(house, one), one.method, path, (one.spec.maxBody ?? MAX_BODY) + 1),
      (status, { code }) => status === 413 && code === 'body_too_large',
    )
  })
  expect(wrong).toEqual([])
  expect(await contents(house.admin)).toEqual(before)
})

/** Says how much is to come and sends none of it. */
function announce({ url }: House, { credential }: Client, method: string, path: string, length: number): Promise<Said> {
  return new Promise((resolve, reject) => {
    const { cookie, origin, bearer } = credential
    const own = bearer ? { authorization: `Bearer ${bearer}` } : { cookie, origin }
    const sent = request(url + path, { method, headers: { ...json, ...own, 'content-length': length } }, (answer) => {
      const headers = new Headers(
        Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as [string, string]),
      )
      answer
        .setEncoding('utf8')
        .toArray()
        .then((chunks) => {
          sent.destroy()
          resolve({ status: answer.statusCode as number, headers, text: chunks.join('') })
        }, reject)
    })
    sent.on('error', reject)
    sent.flushHeaders()
  })
}

type Formed = { shape?: Record<string, Schema>; element?: Formed }
/** The members of a route's body by name, or of what it lists; those of a form that is neither are none. */
const membersOf = ({ spec }: Route): [string, Schema][] => {
  const body = spec.body as Formed | undefined
  return Object.entries(body?.shape ?? body?.element?.shape ?? {})
}

/** The body with one member more or another, and where its members stand. */
function bodyWith(one: Route, own: object): { body: unknown; at: string } {
  const body = bodyOf(one)
  return Array.isArray(body) ? { body: [{ ...body[0], ...own }], at: '/0' } : { body: { ...(body as object), ...own }, at: '' }
}

const LONG = 'x'.repeat(20_001)
const STRANGE: unknown[] = [12_345.678, -1, 'x\u202ey', '', [], [[]], {}, { _: 1 }, true, LONG]

test('§21 T166 every member of every body and query refuses what is not of its type, by its place; unknown members and fields are refused by theirs', {
  timeout: 480_000,
}, async () => {
  const house = await openHere()
  const id = await things(house)
  const before = await contents(house.admin)
  const { wrong, judge } = openJudge(house)
  const asked = new Set<string>()
  await inTurns(
    routes.filter((one) => one.method !== 'GET'),
    async (one) => {
      const path = pathOf(one, id)
      const compatible = one.spec.dialect === 'compatible'
      const send = (own: object) =>
        callerOf(house, one).raw(path, {
          ...{ method: one.method, headers: json },
          body: JSON.stringify(bodyWith(one, own).body),
        })
      const { at } = bodyWith(one, {})
      if (!compatible)
        await judge(
          `${named(one)} with an unknown member`,
          () => send({ no_such: 1 }),
          (status, { errors }) =>
            status === 422 && errors.some(({ path, code }) => path === `${at}/no_such` && code === 'unknown'),
        )
      for (const [name, schema] of membersOf(one))
        for (const value of STRANGE.filter((strange) => !schema.safeParse(strange).success)) {
          asked.add(`${headOf(one)} ${name}`)
          const what = `${named(one)} with ${name}: ${JSON.stringify(value).slice(0, 20)}`
          const place = `${at}/${name}`
          await judge(
            what,
            () => send({ [name]: value }),
            (status, { errors }) =>
              (status === 413 && value === LONG && one.spec.maxBody !== undefined) ||
              (status === 422 && errors.some(({ path }) => path === place || path.startsWith(`${place}/`))),
          )
        }
    },
  )
  expect(asked.size).toBeGreaterThan(40)

  const queried = routes.filter((one) => one.method === 'GET')
  await inTurns(queried, async (one) => {
    const path = pathOf(one, id)
    const ask = (query: string) => callerOf(house, one).raw(`${path}?${query}`)
    const at =
      (name: string) =>
      (status: number, { errors }: Refusal) =>
        status === 422 && errors.some((error) => error.path === name)
    const names = Object.keys(one.spec.query ?? {})
    if (one.spec.dialect !== 'compatible')
      await judge(`${named(one)} with an unknown field`, () => ask('no_such=1'), at('no_such'))
    for (const name of names) {
      const schema = one.spec.query?.[name] as Schema
      if (!isListOf(schema)) await judge(`${named(one)} with ${name} twice`, () => ask(`${name}=1&${name}=2`), at(name))
      for (const value of ['%00', '%FF'])
        await judge(`${named(one)} with ${name}=${value}`, () => ask(`${name}=${value}`), at(name))
    }
    if (names.includes('limit'))
      for (const value of ['0', '-1', '201', '1.5', 'x', '', '1e2', '0x10', '%2B5'])
        await judge(`${named(one)} with limit=${value}`, () => ask(`limit=${value}`), at('limit'))
    if (names.includes('cursor')) {
      for (const forged of ['x', 'AAAA', `${'A'.repeat(120)}`, '%20', '..%2F'])
        await judge(
          `${named(one)} with the cursor ${forged}`,
          () => ask(`cursor=${forged}`),
          (status, { code }) => status === 400 && code === 'cursor_invalid',
        )
    }
  })
  expect(await contents(house.admin)).toEqual(before)

  // A cursor of one route, tenant or filter is none of another.
  await house.given.task()
  const own = (await house.alice.get('/api/v1/tasks?limit=1')).body.next_cursor
  expect(own).toEqual(expect.any(String))
  const changed = own.slice(0, -2) + (own.endsWith('A') ? 'BB' : 'AA')
  const people = [house.alice, (await house.stranger.person()) as Client] as const
  for (const [who, path] of [
    [people[0], `/api/v1/events?cursor=${own}`],
    [people[0], `/api/v1/agents?cursor=${own}`],
    [people[0], `/api/v1/tasks?status=open&cursor=${own}`],
    [people[0], `/api/v1/tasks?cursor=${changed}`],
    [people[1], `/api/v1/tasks?cursor=${own}`],
  ] as const)
    await judge(
      `the cursor of GET /tasks at ${path.slice(0, 30)}`,
      () => who.raw(path),
      (status, { code }) => status === 400 && code === 'cursor_invalid',
    )
  expect(wrong).toEqual([])
})

const isListOf = (schema: Schema): boolean => {
  const def = schema.def as { type: string; innerType?: Schema; in?: Schema }
  const inner = def.innerType ?? def.in
  return inner ? isListOf(inner) : def.type === 'array'
}

test('§21 P9 A1 an id that is none, of another kind or of another tenant is one and the same 404 at every route, and changes nothing', {
  timeout: 240_000,
}, async () => {
  const house = await openHere()
  const id = await things(house)
  const stranger = await house.stranger.person()
  const key = await house.given.key(
    { kind: 'agt', agent_id: (await stranger.post('/api/v1/agents', { name: 'x' })).body.id, scopes: ['threads:*', 'cards:*'] },
    stranger,
  )
  const theirs = clientOf(house.url, { bearer: key.secret })
  await stranger.get('/api/v1/policies') // a first look gives a tenant the set that it starts with
  const before = await contents(house.admin)
  const { wrong, judge } = openJudge(house)
  const placed = routes.filter((one) => one.path.includes(':') && !MAKES.includes(headOf(one)))
  expect(placed.length).toBeGreaterThan(20)
  const lone = /"request_id":"[^"]*"/
  await inTurns(placed, async (one) => {
    const call = (who: Client, path: string) =>
      who.raw(path, { method: one.method, headers: json, body: one.method === 'GET' ? undefined : JSON.stringify(bodyOf(one)) })
    const ofIds: Record<string, At> = {
      'of another kind': (part) => newId(part === 'task' ? 'agt' : 'task'),
      'in lower case': (part) => id(part).toLowerCase(),
      'with a quote': (part) => `${id(part)}'`,
      'cut off': (part) => id(part).slice(0, -1),
    }
    const forms: Record<string, At> = {
      ...(isNamed(one) ? {} : ofIds),
      random: nobodys,
      'with a slash': (prefix) => `${id(prefix)}%2f`,
      'above itself': () => '%2e%2e%2fagents',
      'with NUL': (prefix) => `${id(prefix)}%00`,
      'no UTF-8': () => '%ff%fe',
      'no encoding': () => '%zz',
    }
    for (const [what, form] of Object.entries(forms))
      await judge(
        `${named(one)} ${what}`,
        () => call(callerOf(house, one), pathOf(one, form)),
        (status, { code }) => (status === 404 && code === 'not_found') || code === BY_TOKEN[headOf(one)],
      )
    await judge(
      `${named(one)} of 10 kB`,
      () =>
        call(
          callerOf(house, one),
          pathOf(one, (prefix) => `${prefix}_${'0'.repeat(10_000)}`),
        ),
      (status) => status === 414 || status === 404,
    )

    // Kinds are the installation's: every tenant reads them. Versions of policies are counted in each tenant: everybody has a first. A public card is everybody's.
    if (/^\/(kinds|policies)\/|^\/agents\/:slug\/(card|health|report|threads|invoke|connection-requests)$/.test(one.path)) return
    if (headOf(one) === 'GET /agents/:id') return
    const other = takesPeople(one) || /^\/(?:runs|agents)\/self/.test(one.path) ? stranger : theirs
    const [foreign, random] = await Promise.all([call(other, pathOf(one, id)), call(other, pathOf(one, nobodys))])
    const told = await Promise.all(
      [foreign, random].map(async (answer) => `${answer.status} ${(await answer.text()).replace(lone, '')}`),
    )
    const isOfOthers = MATRIX[one.spec.action as keyof typeof MATRIX]?.startsWith('– – – – – – – │')
    const isHeard = told[0]?.startsWith(isOfOthers ? '403' : '404') || headOf(one) in BY_TOKEN
    if (told[0] !== told[1] || !isHeard) wrong.push(`${named(one)}: another tenant hears ${told[0]}, of a random id ${told[1]}`)
  })

  // Ids in bodies and queries tell as little.
  const inside: [string, string, (at: At) => unknown][] = [
    ['POST', '/agents', (at) => ({ name: 'x', owner_user_id: at('usr') })],
    ['POST', '/keys', (at) => ({ kind: 'agt', agent_id: at('agt') })],
    ['POST', '/keys/revoke', (at) => ({ created_by: at('usr') })],
    ['POST', '/keys/revoke', (at) => ({ agent_id: at('agt') })],
    ['POST', '/tasks', (at) => ({ ...(BODIES['POST /tasks'] as object), assign_to: { user_id: at('usr') } })],
    ['POST', '/tasks/wait', (at) => ({ ids: [at('task')], timeout: 1 })],
    ['POST', '/dead-letters/bulk-purge', (at) => ({ filter: { queue: at('name') } })],
    ['POST', '/dead-letters/bulk-retry', (at) => ({ filter: { kind: at('name') } })],
  ]
  for (const [method, path, make] of inside) {
    const hear = async (at: At) => {
      const answer = await stranger.raw(`/api/v1${path}`, { method, headers: json, body: JSON.stringify(make(at)) })
      return `${answer.status} ${(await answer.text()).replace(lone, '')}`
    }
    const ids = new Map<string, string>()
    const random: At = (part) => ids.get(part) ?? (ids.set(part, nobodys(part)).get(part) as string)
    const [foreign, unknown] = [await hear(id), await hear(random)]
    if (/^2(?!00 \{"(?:revoked|retried|purged)":0[,}])/.test(foreign) || foreign !== unknown)
      wrong.push(`${path} with an id of another tenant: ${foreign}, of nobody: ${unknown}`)
  }
  for (const query of [
    (at: At) => `/keys?agent_id=${at('agt')}`,
    (at: At) => `/tasks?agent_id=${at('agt')}`,
    (at: At) => `/tasks?assigned_to=${at('usr')}`,
    (at: At) => `/events?actor=${at('usr')}`,
    (at: At) => `/events?resource=${at('task')}`,
    (at: At) => `/jobs?queue=${at('name')}`,
    (at: At) => `/jobs?q=${at('job')}`,
    (at: At) => `/callbacks?job_id=${at('job')}`,
  ]) {
    const [foreign, unknown] = [await stranger.get(`/api/v1${query(id)}`), await stranger.get(`/api/v1${query(nobodys)}`)]
    if (foreign.status !== unknown.status || (foreign.body.data?.length ?? 0) > 0)
      wrong.push(`${query(id)} tells another tenant ${JSON.stringify(foreign.body).slice(0, 200)}`)
  }
  expect(wrong).toEqual([])
  expect(await contents(house.admin)).toEqual(before)
})

test('§21 P54 P135 every route refuses a key that is malformed, wrong, expired or revoked, nobody, and a cookie without proof of the same origin', {
  timeout: 240_000,
}, async () => {
  const house = await openHere()
  const id = await things(house)
  const [expired, revoked] = await Promise.all(
    [{ expires_in_seconds: 60 }, {}].map((more) => house.given.key({ kind: 'agt', agent_id: house.agent.id, ...more })),
  )
  expect((await house.alice.post(`/api/v1/keys/${revoked?.id}/revoke`)).status).toBe(204)
  await house.clock.advance('2m')
  const before = await contents(house.admin)
  const { wrong, judge } = openJudge(house)
  const guarded = routes.filter((one) => one.spec.auth !== 'none')
  const keys: [string, string, string][] = [
    ['an expired key', expired?.secret as string, 'key_expired'],
    ['a revoked key', revoked?.secret as string, 'key_revoked'],
    ['one character more', `${house.agent.key}x`, 'key_invalid'],
    ['a bad checksum', house.agent.key.slice(0, -1) + (house.agent.key.endsWith('0') ? '1' : '0'), 'key_invalid'],
    ['words', 'hello', 'key_invalid'],
  ]
  for (const one of guarded) {
    const path = pathOf(one, id)
    const method = { method: one.method, ...(one.method === 'GET' ? {} : { body: JSON.stringify(bodyOf(one)) }) }
    await judge(
      `${named(one)} by nobody`,
      () => house.nobody.raw(path, { ...method, headers: json }),
      (status, { code }) => status === 401 && code === 'unauthenticated',
    )
    for (const [what, key, code] of keys)
      await judge(
        `${named(one)} with ${what}`,
        () => clientOf(house.url, { bearer: key }).raw(path, { ...method, headers: json }),
        (status, body) => status === 401 && body.code === code,
      )
    if (one.method === 'GET') continue
    const { cookie } = house.alice.credential
    const proofs: Record<string, string>[] = [
      {},
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site', origin: house.url },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
    ]
    for (const proof of proofs)
      await judge(
        `${named(one)} from ${JSON.stringify(proof)}`,
        () => house.nobody.raw(path, { ...method, headers: { ...json, cookie: cookie as string, ...proof } }),
        (status, { code }) => status === 403 && code === 'csrf_refused',
      )
  }
  expect(wrong).toEqual([])
  expect(await contents(house.admin)).toEqual(before)
})
