import { expect, test } from 'vitest'
import { isId, newId, newTenantUuid, tenantUuid, tenantWire } from './id.ts'

test('an id has its prefix and 26 Crockford characters, and later ids sort after earlier ones', () => {
  const first = newId('task', 1_700_000_000_000)
  const later = newId('task', 1_700_000_000_001)
  expect(first).toMatch(/^task_[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
  expect(isId('task', first)).toBe(true)
  expect(first < later).toBe(true)
})

test('wrong prefix, lower case, cut, long or forbidden letters are not ids', () => {
  const id = newId('task')
  for (const bad of [
    id.replace('task', 'job'),
    id.toLowerCase(),
    id.slice(0, -1),
    `${id}0`,
    id.replace(/.$/, 'U'),
    `task_8${id.slice(6)}`,
    7,
    null,
  ])
    expect(isId('task', bad)).toBe(false)
})

test('a tenant is a uuid inside and ten_… outside, both ways', () => {
  const uuid = newTenantUuid()
  expect(tenantUuid(tenantWire(uuid))).toBe(uuid)
  expect(tenantUuid(tenantWire(uuid).toLowerCase())).toBeNull()
})
