// What people say through a channel is done in one place (T4, T103).
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const VERBS = ['decideTask', 'claimTask', 'releaseTask', 'addComment', 'sendBack', 'cancelTask', 'expireTask', 'reassignTask']
const tasks = fileURLToPath(new URL('..', import.meta.url))

test('T4 T103 no channel and no link calls a verb of tasks by itself: receive.ts alone does', () => {
  const sources = ['channels', 'links'].flatMap((room) =>
    readdirSync(`${tasks}${room}`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|\.fixture\.ts$|testing\//.test(file))
      .map((file) => `${room}/${file}`),
  )
  const calls = sources.filter((file) => {
    const code = readFileSync(`${tasks}${file}`, 'utf8').replace(/^\s*\/\/.*$/gm, '')
    return VERBS.some((verb) => new RegExp(`\\b${verb}\\(`).test(code))
  })
  expect(sources.length).toBeGreaterThan(30)
  expect(calls).toEqual(['channels/receive.ts'])
})
