// The routes of policies: schemas and one verb each.
import { tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { type Route, route, s } from '../../http/route.ts'
import type { KeyHouse } from '../keys-at-rest/tenant-key.ts'
import { dryRun } from './dry-run.ts'
import { type ExplainInput, explain } from './explain.ts'
import { type PolicyHouse, schemaOf } from './judge.ts'
import { activatePolicies, checkText, diffVersions, getVersion, listVersions, savePolicies } from './policy.ts'
import { activateProxySet, PROXY_SETS } from './proxy-set.ts'
import { MOST_DECISIONS } from './recorded.ts'
import {
  aVersion,
  Checked,
  DifferenceBody,
  DryRunBody,
  ExplainAsk,
  Explained,
  MAX_TEXT,
  SchemaBody,
  Version,
  VersionRow,
  versionParam,
} from './shapes.ts'

const tag = 'policies'
const LIST = 'GET /policies'
// The text, escaped as JSON at worst, and room to say with line and column that it is too long.
const MAX_BODY = 2 * MAX_TEXT

export const policyRoutes = (house: PolicyHouse & KeyHouse): Route[] => [...reads(house), ...changes(house), ...trials(house)]

const reads = (house: PolicyHouse & KeyHouse): Route[] => [
  route(
    LIST,
    {
      summary: 'List the versions of the policies, newest first',
      tag,
      auth: 'any',
      action: 'policy.read',
      query: s.page(),
      answers: { 200: s.list(VersionRow) },
      problems: ['cursor_invalid'],
    },
    async ({ scope, query: { limit, cursor } }) => {
      const at = { tenantId: scope.tenantId, route: LIST, filter: {} }
      const now = house.db.clock.now()
      const before = cursor === undefined ? null : openCursor<number>(house.keyring, at, cursor, now)
      const rows = await listVersions(house, scope, { before, limit: limit + 1 })
      return pageOf(house.keyring, at, rows, { limit, now, position: ({ version }) => version })
    },
  ),
  route(
    'GET /policies/active',
    {
      summary: 'Read the active policies, as text and in words',
      tag,
      auth: 'any',
      action: 'policy.read',
      answers: { 200: Version },
    },
    ({ scope }) => getVersion(house, scope, 'active'),
  ),
  route(
    'GET /policies/schema',
    {
      summary: 'Read the schema that policies are held against',
      tag,
      auth: 'any',
      action: 'policy.read',
      answers: { 200: SchemaBody },
    },
    async ({ scope }) => {
      const { text, actions } = await tx(house.db, scope, (t) => schemaOf(house, t, scope), { readOnly: true })
      return { text, actions: [...actions] }
    },
  ),
  route(
    'GET /policies/:version',
    {
      summary: 'Read a version of the policies, as text and in words',
      tag,
      auth: 'any',
      action: 'policy.read',
      params: versionParam,
      answers: { 200: Version },
      problems: ['not_found'],
    },
    ({ scope, params }) => getVersion(house, scope, params.version),
  ),
  route(
    'GET /policies/:version/diff',
    {
      summary: 'Compare a version with another, policy by policy',
      tag,
      auth: 'any',
      action: 'policy.read',
      params: versionParam,
      query: { against: s.optional(aVersion).describe('The active version, unless said.') },
      answers: { 200: DifferenceBody },
      problems: ['not_found'],
    },
    ({ scope, params, query }) => diffVersions(house, scope, params.version, query.against ?? 'active'),
  ),
]

const changes = (house: PolicyHouse & KeyHouse): Route[] => [
  route(
    'POST /policies',
    {
      summary: 'Save a version of the policies, without activating it',
      description: 'A version never changes. With `based_on`, a save over another that came meanwhile is refused.',
      tag,
      auth: 'any',
      action: 'policy.write',
      stepUp: true,
      maxBody: MAX_BODY,
      body: s.object({
        text: s.text({ max: MAX_TEXT }),
        note: s.nullish(s.text({ max: 500 })),
        based_on: s.optional(aVersion),
      }),
      answers: { 201: Version },
      problems: ['policy_invalid', 'version_conflict'],
    },
    ({ scope, body }) => savePolicies(house, scope, body),
  ),
  route(
    'POST /policies/proxy-set',
    {
      summary: 'Choose how much the proxy asks people: for every write, or for what a grant says alone',
      description:
        '`careful` is what a tenant starts with; in `loose` the rules of a grant decide alone. Saves and activates a version in which every other policy is as it was.',
      tag,
      auth: 'any',
      action: 'policy.activate',
      stepUp: true,
      body: s.object({ set: s.oneOf(...PROXY_SETS) }),
      answers: { 200: VersionRow },
      problems: ['policy_invalid', 'version_conflict'],
    },
    ({ scope, body }) => activateProxySet(house, scope, body.set),
  ),
  route(
    'POST /policies/:version/activate',
    {
      summary: 'Make a version the active one',
      description: 'Counts from the next decision in every process. Going back is activating an older version.',
      tag,
      auth: 'any',
      action: 'policy.activate',
      stepUp: true,
      params: versionParam,
      body: s.object({
        replaces: s.optional(aVersion).describe('Refused when another version is active than this one.'),
      }),
      answers: { 200: VersionRow },
      problems: ['not_found', 'policy_invalid', 'version_conflict'],
    },
    ({ scope, params, body }) => activatePolicies(house, scope, params.version, body.replaces),
  ),
]

const trials = (house: PolicyHouse & KeyHouse): Route[] => [
  route(
    'POST /policies/check',
    {
      summary: 'Hold a text against the rules without saving it',
      tag,
      auth: 'any',
      action: 'policy.dry_run',
      maxBody: MAX_BODY,
      body: s.object({ text: s.text({ max: MAX_TEXT }) }),
      answers: { 200: Checked },
      idempotency: 'none',
    },
    ({ scope, body }) => checkText(house, scope, body.text),
  ),
  route(
    'POST /policies/decide',
    {
      summary: 'Judge one request and say which policies decided',
      description:
        'Changes and records nothing. People and agents of the tenant are taken as they are, unless they are described.',
      tag,
      auth: 'any',
      action: 'policy.dry_run',
      maxBody: MAX_BODY,
      body: ExplainAsk,
      answers: { 200: Explained },
      problems: ['not_found', 'policy_invalid'],
      idempotency: 'none',
    },
    ({ scope, body }) => explain(house, scope, body as ExplainInput),
  ),
  route(
    'POST /policies/:version/dry-run',
    {
      summary: 'Judge what was decided lately by another version',
      description: `Judges up to ${MOST_DECISIONS} of the newest decisions again and lists every outcome that would change.`,
      tag,
      auth: 'any',
      action: 'policy.dry_run',
      params: versionParam,
      body: s.object({ decisions: s.withDefault(s.int({ min: 1, max: MOST_DECISIONS }), MOST_DECISIONS) }),
      answers: { 200: DryRunBody },
      problems: ['not_found', 'policy_invalid'],
      bucket: 'policy.dry_run',
      cost: 5,
      idempotency: 'none',
    },
    ({ scope, params, body }) => dryRun(house, scope, params.version, body.decisions),
  ),
]
