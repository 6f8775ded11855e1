import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { newTenantUuid } from '../std/id.ts'
import { openCursor, pageOf, sealCursor } from './cursor.ts'
import { keyring } from './testing/door.ts'

const now = new Date('2026-03-01T00:00:00.000Z')
const here = { tenantId: newTenantUuid(), route: 'GET /tasks', filter: { status: 'open', limit: 5 } }

const code = (open: () => unknown) => {
  try {
    open()
    return 'opened'
  } catch (error) {
    return error instanceof Problem ? error.code : String(error)
  }
}

test('P10 a cursor opens where it was made, whatever the order of the filter', () => {
  const cursor = sealCursor(keyring, here, ['2026-01-01T00:00:00.000Z', 'task_1'], now)
  expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/)
  expect(openCursor(keyring, { ...here, filter: { limit: 5, status: 'open' } }, cursor, now)).toEqual([
    '2026-01-01T00:00:00.000Z',
    'task_1',
  ])
})

test('P10 §21 a cursor of another tenant, route or filter, an altered one and one of 24 hours ago are cursor_invalid', () => {
  const cursor = sealCursor(keyring, here, 7, now)
  expect(code(() => openCursor(keyring, { ...here, tenantId: newTenantUuid() }, cursor, now))).toBe('cursor_invalid')
  expect(code(() => openCursor(keyring, { ...here, route: 'GET /events' }, cursor, now))).toBe('cursor_invalid')
  expect(code(() => openCursor(keyring, { ...here, filter: { status: 'closed' } }, cursor, now))).toBe('cursor_invalid')
  for (let i = 0; i < cursor.length; i += 7) {
    const altered = `${cursor.slice(0, i)}${cursor[i] === 'A' ? 'B' : 'A'}${cursor.slice(i + 1)}`
    expect(code(() => openCursor(keyring, here, altered, now))).toBe('cursor_invalid')
  }
  for (const forged of ['', 'x', 'AQE', '../../etc', 'é'.repeat(9), 'A'.repeat(5_000)])
    expect(code(() => openCursor(keyring, here, forged, now))).toBe('cursor_invalid')
  expect(code(() => openCursor(keyring, here, cursor, new Date(now.getTime() + 86_399_999)))).toBe('opened')
  expect(code(() => openCursor(keyring, here, cursor, new Date(now.getTime() + 86_400_000)))).toBe('cursor_invalid')
})

test('P10 a page has a next cursor only when a row lies behind it', () => {
  const page = (rows: number[]) => pageOf(keyring, here, rows, { limit: 2, now, position: (row) => row })
  expect(page([1, 2])).toEqual({ data: [1, 2], next_cursor: null })
  const { data, next_cursor } = page([1, 2, 3])
  expect(data).toEqual([1, 2])
  expect(openCursor(keyring, here, next_cursor as string, now)).toBe(2)
})
