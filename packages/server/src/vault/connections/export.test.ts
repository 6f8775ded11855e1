// Taking credentials out (V16, acceptance test 37).
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { openVault } from '../testing/vault.ts'

const pathOf = (id: string) => `/api/v1/connections/${id}/export`
const ask = (own: object = {}) => ({ fields: ['api_key'], format: 'shell', reason: 'Move to another host', ...own })

test('V16 off until the tenant switches it on; then a person gets a field with a reason, unstored, with one event a field', async () => {
  const { house, connect } = await openVault()
  const one = await connect({ material: { api_key: 'first-value', other: 'second-value', refresh_token: 'never-this' } })
  const at = pathOf(one.id)
  expect((await house.alice.post(at, ask())).body.code).toBe('export_off')
  expect((await house.alice.patch('/api/v1/tenant', { vault_export: true })).body.vault_export).toBe(true)
  const raw = await house.alice.raw(at, {
    method: 'POST',
    body: JSON.stringify(ask({ fields: ['api_key', 'other'], format: 'env' })),
  })
  expect([raw.status, raw.headers.get('cache-control'), await raw.text()]).toEqual([
    ...[200, 'no-store', 'ALPHA_API_KEY=first-value\nALPHA_OTHER=second-value\n'],
  ])
  const events = await house.admin.rows<{ body: string }>`select body from events where type = 'connection.exported' order by ord`
  expect(events.map(({ body }) => JSON.parse(body).data)).toMatchObject([
    { connection_id: one.id, field: 'api_key', format: 'env', reason: 'Move to another host' },
    { field: 'other' },
  ])
  expect(events.map(({ body }) => body).join()).not.toMatch(/first-value|second-value/)
  for (const fields of [['refresh_token'], ['api_key', 'refresh_token']])
    expect((await house.alice.post(at, ask({ fields }))).body.code).toBe('not_exportable')
  expect((await house.alice.post(at, ask({ fields: ['none'] }))).body.code).toBe('validation_failed')
  expect((await house.alice.post(at, ask({ reason: '' }))).status).toBe(422)
  expect(await house.admin.one`select count(*)::integer as n from events where type = 'connection.exported'`).toEqual({ n: 2 })
})

test('V16 §12.37 no agent and no key takes anything out; a member only what is their own; private keys never leave', async () => {
  const { house, connect } = await openVault()
  await house.alice.patch('/api/v1/tenant', { vault_export: true })
  const pem = ['-----BEGIN', 'PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----'].join(' ')
  const [one, key] = [await connect(), await connect({ name: 'key', material: { api_key: pem } })]
  const member = await house.given.user({ role: 'member' })
  const own = await connect({ name: 'own', owner: member })
  expect((await house.agent.post(pathOf(one.id), ask())).status).toBe(403)
  expect((await house.operator.post(pathOf(one.id), ask())).status).toBe(403)
  expect((await member.post(pathOf(one.id), ask())).status).toBe(404)
  const raw = await member.raw(pathOf(own.id), { method: 'POST', body: JSON.stringify(ask()) })
  expect(await raw.text()).toBe(`export ALPHA_API_KEY='${own.value}'\n`)
  expect((await house.alice.post(pathOf(key.id), ask())).body.code).toBe('not_exportable')
})

test('V16 §12.37 the shell form gives back every byte and runs nothing', async () => {
  const { house, connect } = await openVault()
  await house.alice.patch('/api/v1/tenant', { vault_export: true })
  const value = 'a\'b"c\n$(touch /nowhere)`id` \\ ; & é \u0001 %'
  const one = await connect({ material: { api_key: value } })
  const raw = await house.alice.raw(pathOf(one.id), { method: 'POST', body: JSON.stringify(ask()) })
  const script = `${await raw.text()}printf %s "$ALPHA_API_KEY"`
  expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(value)
})
