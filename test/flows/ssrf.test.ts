// The corpus of P106 through the doors that tenants have (A29): each row as the URL that somebody saves. What is refused when saved is never dialled; what a name
// answers later is refused at the dial, which the tests of egress/ prove.
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'
import { padded, resolved, zoneOf } from '../../packages/server/src/egress/testing/corpus.ts'
import { openDnsStub } from '../../packages/server/src/egress/testing/dns-stub.ts'

const CODES = { deny: 'url_not_allowed', invalid: 'url_invalid', allow: null } as const
// A text of JSON, but none that the schema of a URL lets through: it is refused before the guard sees it, with the same field.
const BEFORE = ['validation_failed', 'json_invalid', 'request_invalid', 'body_too_large']

const DOORS = {
  'the callback_url of a task': {
    as: 'agent',
    path: '/api/v1/tasks',
    field: '/callback_url',
    body: (url: unknown) => ({
      task: 'Go on?',
      payload: {},
      response_schema: { type: 'object', properties: { yes: { type: 'boolean' } } },
      timeout_seconds: 60,
      callback_url: url,
    }),
  },
  'the url of a webhook endpoint': {
    as: 'alice',
    path: '/api/v1/endpoints',
    field: '/url',
    body: (url: unknown) => ({ url, label: 'Corpus', events: ['*'], verify: false }),
  },
} as const

test.each(Object.entries(DOORS))(
  'A29 P96 P97 P106 every row of the corpus as %s is refused when it is saved, with its class and its field',
  { timeout: 120_000 },
  async (_, door) => {
    let zone = zoneOf('')
    const dns = await openDnsStub((name, type, nth) => zone(name, type, nth))
    onTestFinished(() => dns.close())
    const house = await setup({
      settings: { EGRESS_HTTP: '1', EGRESS_LITERALS: '1', EGRESS_DNS_SERVERS: `${dns.address}:${dns.port}` },
    })
    const wrong: unknown[] = []
    for (const row of resolved) {
      // What answers otherwise the second time is a matter of the dial.
      if (/TTL 0|alternates/.test(row.note) || row.expect === 'allow') continue
      // A task without a callback_url is a task.
      if (row.url === null && door.field === '/callback_url') continue
      zone = zoneOf(row.note)
      const answer = await house[door.as].post(door.path, door.body(padded(row)))
      const [error] = answer.body?.errors ?? []
      const isRight =
        (answer.body?.code === CODES[row.expect] && error?.path === door.field) ||
        (row.expect === 'invalid' && BEFORE.includes(answer.body?.code))
      if (answer.status < 400 || !isRight) wrong.push([row.name, row.note, row.expect, answer.status, answer.body?.code, error])
    }
    expect(wrong).toEqual([])
    // Somebody's ordinary address is taken.
    zone = zoneOf('')
    expect((await house[door.as].post(door.path, door.body('https://hooks.example.com/in'))).status).toBe(201)
  },
)
