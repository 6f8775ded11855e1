// The routes of requests that went through the proxy: schemas and one verb each.
import { startOf } from '../../events/stream.ts'
import { type Route, route, s } from '../../http/route.ts'
import type { KeyHouse } from '../../identity/keys-at-rest/tenant-key.ts'
import { followRequests, getRequest, listRequests } from './requests.ts'
import { OUTCOMES } from './sql.ts'

const tag = 'proxy'
const Ended = {
  status: s.maybe(s.int()).describe('Of the upstream; null where no answer came.'),
  fault: s.maybe(s.text()).describe('A code of the catalogue where no answer came.'),
  bytes_up: s.int(),
  bytes_down: s.int(),
  total_ms: s.int(),
  redactions: s.int().describe('How often an injected value was masked in what came back.'),
  replaced: s.boolean().describe('A value of the client’s stood where the credential goes.'),
  retried: s.boolean(),
}

const RequestBody = s.named(
  'ProxiedRequest',
  s.object({
    event_id: s.id('evt'),
    request_id: s.maybe(s.text()),
    at: s.time(),
    agent_id: s.id('agt'),
    run_id: s.id('run'),
    connection_id: s.maybe(s.id('conn')),
    grant_id: s.maybe(s.id('grt')),
    task_id: s.maybe(s.id('task')),
    outcome: s.oneOf(...OUTCOMES),
    reason: s.maybe(s.text()),
    scheme: s.oneOf('http', 'https'),
    host: s.text(),
    port: s.int(),
    method: s.text(),
    path: s.text(),
    tools: s.array(s.text()),
    facts: s.array(s.text()).describe('Names of facts that were read.'),
    proof: s.maybe(s.text()),
    client_address: s.maybe(s.text()),
    policy_ids: s.array(s.text()),
    policy_version: s.maybe(s.int()),
    ended: s.maybe(s.object(Ended)),
  }),
  'One judgement of the proxy, with how the request ended once that is known. Values of queries, headers and bodies are in no record.',
)

const filter = {
  run_id: s.optional(s.id('run')),
  agent_id: s.optional(s.id('agt')),
  connection_id: s.optional(s.id('conn')),
  outcome: s.optional(s.oneOf(...OUTCOMES)),
  reason: s.optional(s.pattern(/^[a-z_]{1,60}$/, 'Must be a reason of `proxy_denied`.')),
  host: s.optional(s.text({ min: 1, max: 253 })),
}

export const requestRoutes = (house: KeyHouse): Route[] => [
  route(
    'GET /proxy/requests',
    {
      summary: 'List requests of the proxy, newest first',
      description: 'An agent sees its own.',
      tag,
      auth: 'any',
      action: 'proxy.read',
      query: {
        ...filter,
        from: s.optional(s.time().describe('At or after this time.')),
        to: s.optional(s.time().describe('Before this time.')),
        ...s.page(),
      },
      answers: { 200: s.list(RequestBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listRequests(house, scope, query),
  ),
  route(
    'GET /proxy/requests/stream',
    {
      summary: 'Follow requests of the proxy as server-sent events',
      description:
        '`request` for each judgement and `ended` for how it ended, with the same `request_id`. Send the last id as `Last-Event-ID` to go on after it.',
      tag,
      auth: 'any',
      action: 'proxy.read',
      query: filter,
      answers: { 200: 'stream' },
      problems: ['cursor_invalid'],
      bucket: 'stream',
    },
    async (ask) => {
      const after = await startOf(house, ask.scope, ask.request.header('last-event-id'))
      return ask.stream(async (out) => {
        for await (const one of followRequests(house, ask.scope, { filter: ask.query, after, signal: out.signal }))
          await out.send({ event: one.kind, id: one.id, data: one.kind === 'request' ? one.request : one.ended })
      })
    },
  ),
  route(
    'GET /proxy/requests/:id',
    {
      summary: 'Read one request of the proxy, by the id of its event',
      tag,
      auth: 'any',
      action: 'proxy.read',
      params: { id: s.id('evt') },
      answers: { 200: RequestBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getRequest(house, scope, params.id),
  ),
]
