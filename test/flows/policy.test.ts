// Policies through the door: versions, the active one in every process, dry runs, and the decision path with people in it.
import { defineKind } from '@countersign/queue'
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'

const ALLOW = '@id("all") permit (principal, action, resource);'

async function activate(house: House, text: string, by = house.alice): Promise<number> {
  const saved = await by.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors ?? saved.body]).toEqual([201, []])
  const { version } = saved.body as { version: number }
  const activated = await by.post(`/api/v1/policies/${version}/activate`, {})
  expect([activated.status, activated.body.active]).toEqual([200, true])
  return version
}

/** A kind that jobs can be made of; nobody runs them. */
async function withKind(house: House, name = 'report.build'): Promise<void> {
  house.server.queue.register(defineKind(name, { run: async () => undefined }))
}

test('P70 a tenant starts with the shipped set, active, and each policy stands in it in words', async () => {
  const { alice } = await setup()

  const { status, body } = await alice.get('/api/v1/policies/active')

  expect([status, body.version, body.active, body.origin, body.errors, body.warnings]).toEqual([200, 1, true, 'starting', [], []])
  expect(body.policies.find(({ id }: { id: string }) => id === 'agents-enqueue')).toMatchObject({
    effect: 'permit',
    says: 'A person agrees to each job that an agent wants to run, or to run again.',
    ask: { text: 'May {agent} run this job?', quorum: 1, expires_seconds: 86_400, on_timeout: 'deny' },
  })
})
