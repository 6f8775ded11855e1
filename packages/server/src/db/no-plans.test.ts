// No plan, bill, seat or count of agents bounds anybody: bounds are the operator's settings (relay.md R113).
import { readFileSync } from 'node:fs'
import { PROBLEMS } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { BUCKETS } from '../http/bucket.ts'
import { SETTINGS } from '../main/config.ts'

const SOLD =
  /(?:^|[^a-z])(?:billing|bills?|invoices?|seats?|subscriptions?|pricing|paywall|payments?|licen[cs]es?|tiers?|plan_(?:id|name)|(?:max|most)_(?:agents|users))(?:[^a-z]|$)/i

test('R113 no table, column, setting, bucket or problem knows a plan, a bill, a seat or a count of agents', () => {
  const catalogue = readFileSync(new URL('./catalogue.json', import.meta.url), 'utf8')
  const names = [...new Set(catalogue.match(/[a-z][a-z0-9_]{2,}/g))]
  expect(names.length).toBeGreaterThan(500)
  expect(names).toEqual(expect.arrayContaining(['threads', 'relay_grants', 'max_message_bytes']))
  const all = [
    ...names,
    ...Object.keys(PROBLEMS),
    ...Object.keys(BUCKETS),
    ...Object.values(SETTINGS).map(({ name }) => name.toLowerCase()),
  ]
  expect(all.filter((name) => SOLD.test(name.replaceAll('_', ' ')) || SOLD.test(name))).toEqual([])
  for (const word of ['billing_plan', 'seats', 'max_agents', 'invoice_id'])
    expect([word, SOLD.test(word.replaceAll('_', ' ')) || SOLD.test(word)]).toEqual([word, true])
})
