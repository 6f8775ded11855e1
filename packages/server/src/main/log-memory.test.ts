import { expect, test } from 'vitest'
import { newId } from '../std/id.ts'
import { openLog } from '../std/log.ts'
import { logMemory } from './log-memory.ts'

test('P131 V122 a log that remembers what is clean hides what is not, the second time too', () => {
  const lines: string[] = []
  const log = openLog({ sink: (line) => void lines.push(line), memory: logMemory })
  const secret = `sk_live_${crypto.randomUUID().replaceAll('-', '')}`
  const id = newId('req')
  for (const _ of [1, 2]) log.info({ request_id: id, host: 'api.example.com', path: secret, who: 'ada@example.com' }, 'proxy')
  const read = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  for (const one of read)
    expect(one).toMatchObject({ request_id: id, host: 'api.example.com', path: '[secret]', who: 'u:-', message: 'proxy' })
  expect(read).toHaveLength(2)
})

test('a text is looked at once while it is remembered, and never when it hides something', () => {
  const looked: string[] = []
  const text = logMemory((raw) => {
    looked.push(raw)
    return raw === 'bad' ? '[secret]' : raw
  })
  expect(['fine', 'fine', 'bad', 'bad'].map(text)).toEqual(['fine', 'fine', '[secret]', '[secret]'])
  expect(looked).toEqual(['fine', 'bad', 'bad'])
})
