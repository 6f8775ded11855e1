// The routes of runs: schemas and one verb each.
import { Document, type Route, route, s } from '../../http/route.ts'
import type { VaultHouse } from '../house.ts'
import { authoritiesOfTenant } from './authority.ts'
import { endRun, getRun, listRunsOf, openRun } from './run.ts'
import { beatRun, endOwnRun, ownRun } from './self.ts'

const tag = 'runs'
const params = { id: s.id('run') }
const Reason = s.object({ reason: s.optional(s.line({ max: 200 })) })

const RunBody = s.named(
  'Run',
  s.object({
    id: s.id('run'),
    agent_id: s.id('agt'),
    environment: s.oneOf('live', 'test'),
    purpose: s.text(),
    labels: s.array(s.text()),
    mode: s.oneOf('enforce', 'learn'),
    proof: s.oneOf('key', 'dpop', 'oidc', 'user').describe('How it was opened.'),
    state: s.oneOf('live', 'ended'),
    connections: s.record(s.text()).describe('By provider: which connection it was told to use.'),
    wait_seconds: s
      .maybe(s.int())
      .describe('How long its requests wait for people that do not say so themselves; null: as the proxy is set.'),
    opened_by: s.text(),
    client_address: s.maybe(s.text()),
    created_at: s.time(),
    expires_at: s.time(),
    beat_at: s.maybe(s.time()),
    used_at: s.maybe(s.time()).describe('When a client first showed its token to a proxy.'),
    ended_at: s.maybe(s.time()),
    ended_reason: s.maybe(s.text()),
  }),
  'One bounded execution of an agent.',
)

const Opened = s.named(
  'OpenedRun',
  s.object({
    run: RunBody,
    token: s.optional(s.text().describe('For the proxy and for /runs/self; shown here and nowhere again.')),
    secret_shown: s.optional(s.boolean()),
    proxy_url: s.maybe(s.text()),
    ca_pem: s.text().describe('What the child trusts besides public authorities.'),
    env: s.record(s.text()).describe('Variables for the child; each holds a placeholder, no secret.'),
  }),
)

const Own = s.named(
  'OwnRun',
  s.object({
    run: RunBody,
    routes: s.array(
      s.object({
        connection_id: s.id('conn'),
        provider: s.text(),
        name: s.text(),
        status: s.text(),
        hosts: s.array(s.text()),
        placeholder: s.text(),
        env: s.array(s.text()),
        key_patterns: s.array(s.text()).describe('Regular expressions of the provider’s own secrets, for whoever masks output.'),
        grant_ids: s.array(s.id('grt')),
      }),
    ),
    env: s.record(s.text()),
  }),
)

export const runRoutes = (house: VaultHouse): Route[] => [
  route(
    'GET /runs',
    {
      summary: 'List runs, newest first',
      tag,
      auth: 'any',
      action: 'run.read',
      query: { agent_id: s.optional(s.id('agt')), state: s.optional(s.oneOf('live', 'ended')), ...s.page() },
      answers: { 200: s.list(RunBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listRunsOf(house, scope, query),
  ),
  route(
    'POST /runs',
    {
      summary: 'Open a run',
      description: 'By an agent, or by the person who owns it. Its token stands in this answer and nowhere again.',
      tag,
      auth: 'any',
      action: 'run.create',
      body: s.object({
        agent_id: s.optional(s.id('agt')),
        purpose: s.line({ max: 200 }),
        labels: s.optional(s.array(s.line({ max: 100 }), { max: 50 })),
        ttl_seconds: s.optional(s.int({ min: 60, max: 604_800 })).describe('8 hours when left out, 7 days at most.'),
        mode: s.optional(s.oneOf('enforce', 'learn')),
        connections: s.optional(s.record(s.text({ min: 1, max: 63 }))).describe('By provider: the name or id of a connection.'),
        wait_seconds: s
          .optional(s.int({ min: 0, max: 600 }))
          .describe('How long requests wait for people that do not say so by `Countersign-Wait`.'),
        ca: s.optional(s.oneOf('run', 'tenant')).describe('An authority of its own, or the tenant’s for what runs long.'),
        pin_hosts: s
          .optional(s.boolean())
          .describe('Its own authority is good for the hosts that are granted now, and for no other name.'),
      }),
      answers: { 201: Opened },
      problems: ['state_conflict', 'unclaimed_agent'],
      secretOnce: ['token'],
    },
    ({ scope, body }) => openRun(house, scope, body),
  ),
  route(
    'GET /runs/self',
    { summary: 'Read your own run', tag, auth: 'key', self: true, answers: { 200: Own }, problems: ['run_ended'] },
    ({ scope }) => ownRun(house, scope),
  ),
  route(
    'POST /runs/self/beat',
    {
      summary: 'Say that your run goes on',
      description: 'Once it has begun to beat, a run without a heartbeat for 90 seconds is ended.',
      tag,
      auth: 'key',
      self: true,
      idempotency: 'none',
      answers: { 200: s.named('Heartbeat', s.object({ expires_at: s.time() })) },
      problems: ['run_ended'],
    },
    ({ scope }) => beatRun(house, scope),
  ),
  route(
    'POST /runs/self/end',
    {
      summary: 'End your own run',
      tag,
      auth: 'key',
      self: true,
      body: Reason,
      answers: { 200: RunBody },
      problems: ['run_ended'],
    },
    ({ scope, body }) => endOwnRun(house, scope, body.reason ?? 'done'),
  ),
  route(
    'GET /proxy/ca',
    {
      summary: 'Read the authority of the tenant, in PEM',
      description:
        'What a long-lived agent trusts besides public authorities; two certificates while one replaces the other. Also with the token of a run.',
      tag: 'proxy',
      auth: 'any',
      self: true,
      answers: { 200: 'page' },
      problems: ['not_found'],
    },
    async ({ scope }) => new Document('text/plain', await authoritiesOfTenant(house, scope)),
  ),
  route(
    'GET /runs/:id',
    { summary: 'Read a run', tag, auth: 'any', action: 'run.read', params, answers: { 200: RunBody }, problems: ['not_found'] },
    ({ scope, params }) => getRun(house, scope, params.id),
  ),
  route(
    'POST /runs/:id/end',
    {
      summary: 'End a run',
      tag,
      auth: 'any',
      action: 'run.end',
      params,
      body: Reason,
      answers: { 200: RunBody },
      problems: ['not_found', 'run_ended'],
    },
    ({ scope, params, body }) => endRun(house, scope, params.id, body.reason ?? 'ended'),
  ),
]
