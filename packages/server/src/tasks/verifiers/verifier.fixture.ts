// What the tests of verifiers share: a house whose guard lets the provider of the tests be reached, a key of it, and questions that it checks.
import { expect } from 'vitest'
import { type House, type ModelProvider, openModelProvider, setup } from '#harness'
import { answer, REFUND } from '../tasks.fixture.ts'

export const KEY = `sk-test-${crypto.randomUUID()}`
export const INSTRUCTIONS = 'The note must name the customer.'

export type Verifying = { house: House; provider: ModelProvider }

export async function openVerifying(settings: Record<string, string> = {}): Promise<Verifying> {
  const provider = await openModelProvider()
  const house = await setup({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${provider.port}`, ...settings } })
  return { house, provider }
}

export async function putKey({ house, provider }: Verifying, name = 'openai', more: Record<string, unknown> = {}) {
  const base_url = `${provider.origin}/v1`
  const answered = await house.alice.put(`/api/v1/provider-keys/${name}`, {
    provider: 'openai',
    key: KEY,
    base_url,
    model: 'gpt-test',
    ...more,
  })
  expect([answered.status, answered.body]).toEqual([200, expect.objectContaining({ name, has_key: true })])
  return answered.body
}

export const byModel = (more: object = {}) => ({ provider: 'openai', instructions: INSTRUCTIONS, ...more })

/** A question whose answers are checked; answers the body of the 201. */
export const asked = ({ house }: Verifying, verifier_config: unknown, more: object = {}) =>
  house.given.task({ ...REFUND, verifier_config, ...more })

export const say = ({ house }: Verifying, id: string, note = 'For Ann.', by = house.alice) =>
  by.post(`/api/v1/tasks/${id}/decide`, answer({ approved: true, note }, by === house.alice ? { reason: 'They asked me.' } : {}))

export const read = async ({ house }: Verifying, id: string) => (await house.alice.get(`/api/v1/tasks/${id}`)).body
