// What a run learned, written to the record as the gate writes it: for tests of what is made of it, without a proxy.
import type { House } from '#harness'
import { systemClock } from '../../../std/clock.ts'
import { newId, tenantWire } from '../../../std/id.ts'
import { view } from '../../decide/testing/view.fixture.ts'
import { judgedEvent } from '../../node/event.ts'

export type Visit = { method?: string; host: string; path: string; port?: number; scheme?: 'http' | 'https' }

export async function putLearned(house: House, runId: string, visits: readonly Visit[]): Promise<void> {
  const at = systemClock.now()
  const made = view([], { id: runId, tenant: tenantWire(house.tenantId), agentId: house.agent.id, mode: 'learn' })
  const seen = { ...made, agent: { ...made.agent, id: house.agent.id } }
  for (const { method = 'GET', host, path, port = 443, scheme = 'https' } of visits) {
    const asked = { id: newId('req'), scheme, host, port, method, path, clientAddress: '127.0.0.1' }
    const one = judgedEvent(seen, asked, { outcome: 'learn', policy: null }, at)
    await house.admin.run`
      insert into events (id, tenant_id, type, class, actor_id, decision, action, occurred_at, body)
      values (${one.id}::text, ${house.tenantId}::uuid, ${one.type}::text, ${one.class}::text, ${house.agent.id}::text, ${one.decision}::text,
        ${one.action}::text, ${at}::timestamptz, ${one.body}::text)`
  }
}

/** A run that learns, of the agent of this house, opened by the person who owns it. */
export async function learningRun(house: House): Promise<{ id: string; token: string; ca: string }> {
  const wanted = { agent_id: house.agent.id, purpose: 'See what it needs', mode: 'learn' }
  const { status, body } = await house.alice.post('/api/v1/runs', wanted)
  if (status !== 201) throw new Error(`no run that learns: ${JSON.stringify(body)}`)
  return { id: body.run.id, token: body.token, ca: body.ca_pem }
}
