// What the scenarios of the relay stand on: a built server with a card, many relay grants with their tokens, and an agent that serves. All of it is put there by the database's
// superuser as if it had come to be by its routes; what is measured goes over HTTP.
import pg from 'pg'
import { mintKey, sha256 } from '../../packages/server/src/crypto/token.ts'
import { newId } from '../../packages/server/src/std/id.ts'
import type { Figure } from '../figure.ts'
import { type Answer, type Bench, type Caller, caller } from '../server.ts'
import type { Echo } from './echo.ts'

export type Run = {
  bench: Bench
  admin: pg.Client
  quick: boolean
  echo: Echo
  say(figure: Omit<Figure, 'bench' | 'peer_name' | 'peer'> & { peer?: number; peer_name?: string }): void
}
export type Stage = { slug: string; cardId: string; grants: { id: string; call: Caller; token: string }[] }

/** Whoever publishes and revokes: the first person's key, with every right of the relay. */
export async function personMay({ admin }: Run): Promise<void> {
  await admin.query(
    "update countersign.keys set scopes = scopes || array['cards:*', 'relay_grants:*', 'threads:*'] where kind = 'usr' and not scopes @> array['cards:*']",
  )
}

/** A card by its route. */
export async function publish(run: Run, more: object = {}): Promise<{ id: string; slug: string }> {
  await personMay(run)
  const slug = `bench-${crypto.randomUUID().slice(0, 8)}`
  const { body } = expect(
    201,
    await run.bench.person('POST', '/cards', { ...CONTENT, slug, summary: 'Benchmarks.', limits: LIMITS, ...more }),
  )
  return { id: String(body.id), slug }
}

const SCOPES = ['threads:start', 'threads:send', 'threads:read', 'threads:close', 'threads:subscribe']
const CONTENT = {
  name: 'Bench',
  accepted_inputs: ['text/plain'],
  expected_outputs: ['text/plain'],
  skills: [{ id: 'echo', name: 'Echo', description: 'Says it again.', tags: ['bench'] }],
}

/** 400 bytes (§13). */
export const TEXT = 'x'.repeat(400)
// So that no quota is met.
const LIMITS = { max_open_threads: 0, messages_per_day: 0, bytes_per_day: 0 }

/** So many relay grants to a card, each with its token: of strangers, or of agents of one other tenant. A card of mode inbox unless one is named. */
export async function stage(
  run: Run,
  grants: number,
  named?: { id: string; slug: string },
  askers: 'strangers' | 'agents' = 'strangers',
): Promise<Stage> {
  const { bench, admin } = run
  const { rows } = await admin.query<{ id: string; tenant_id: string; user_id: string }>(
    'select id, tenant_id, user_id from countersign.agents order by created_at limit 1',
  )
  const [agent] = rows
  if (!agent) throw new Error('The server has no agent.')
  await admin.query("update countersign.keys set scopes = array['threads:*'] where agent_id = $1", [agent.id])
  const { id: cardId, slug } = named ?? (await publish(run))
  const tenant = askers === 'strangers' ? null : await anotherTenant(admin, agent.user_id)
  const made = []
  for (let n = 0; n < grants; n++) {
    const [id, token] = [newId('rgr'), mintKey('live', 'rly')]
    const asker = tenant === null ? null : await addAgent(admin, tenant, agent.user_id)
    await admin.query(
      `insert into countersign.relay_grants (id, tenant_id, card_id, asker_tenant, asker_agent, label, purpose, scopes, limits, environment, state, state_since, created_by, created_at)
       values ($1, $2, $3, $4, $5, $6, 'bench', $7, $8, 'live', 'active', now(), $9, now())`,
      [id, agent.tenant_id, cardId, tenant, asker, `Caller ${n}`, SCOPES, LIMITS, agent.user_id],
    )
    await admin.query(
      `insert into countersign.relay_tokens (id, tenant_id, relay_grant_id, token_hash, prefix, last_four, scopes, created_by, created_at, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, now(), now() + interval '90 days')`,
      [newId('rtk'), agent.tenant_id, id, sha256(token), token.slice(0, 16), token.slice(-4), SCOPES, agent.user_id],
    )
    made.push({ id, token, call: caller(bench.url, token) })
  }
  return { slug, cardId, grants: made }
}

async function anotherTenant(admin: pg.Client, userId: string): Promise<string> {
  const { rows } = await admin.query<{ id: string }>(
    "insert into countersign.tenants (id, name) values (gen_random_uuid(), 'Callers') returning id",
  )
  const { id } = rows[0] as { id: string }
  await admin.query(
    "insert into countersign.roles (tenant_id, user_id, role, given_by, given_at) values ($1, $2, 'owner', $2, now())",
    [id, userId],
  )
  return id
}

async function addAgent(admin: pg.Client, tenant: string, userId: string): Promise<string> {
  const id = newId('agt')
  await admin.query(
    `insert into countersign.agents (id, tenant_id, user_id, name, environment, state, state_since, state_by, created_at, created_by, updated_at)
     values ($1, $2, $3, $1, 'live', 'active', now(), $3, now(), $3, now())`,
    [id, tenant, userId],
  )
  return id
}

export function expect(status: number, answer: Answer): Answer {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`)
  return answer
}

export async function connect(bench: Bench): Promise<pg.Client> {
  const admin = new pg.Client({ connectionString: bench.adminUrl() })
  await admin.connect()
  return admin
}
