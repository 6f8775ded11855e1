// The routes of providers, of versions of their definitions, and of clients: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import { getClient, removeClient, setClient } from '../clients/registration.ts'
import { ClientBody, ClientChange, ClientRemoval, Removed } from '../clients/shapes.ts'
import type { VaultHouse } from '../house.ts'
import { KINDS } from './definition.ts'
import { endConnections, removeOwn } from './end.ts'
import { getForViewer, LIST, listForViewer } from './read.ts'
import { approveDefinition, checkSource, proposeDefinition, rejectDefinition } from './version.ts'
import {
  aName,
  CheckedBody,
  ConfirmBody,
  EndedBody,
  MAX_SENT,
  ProposalBody,
  ProviderBody,
  ProviderRow,
  SourceBody,
  VersionBody,
} from './wire.ts'

const tag = 'providers'
const params = { name: aName }
const versionParams = { name: aName, digest: s.pattern(/^[0-9a-f]{64}$/, 'Must be a digest of 64 hex characters.') }
// Whoever proposes changes nothing: what somebody else then approves does, and there presence is proven anew.
const propose = { tag, auth: 'any', action: 'provider.propose' } as const
const manage = { tag, auth: 'any', action: 'provider.manage' } as const
// The text, escaped as JSON at worst.
const maxBody = 2 * MAX_SENT + 10_000
const JUDGED = ['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open'] as const

export const providerRoutes = (house: VaultHouse): Route[] => [
  ...reads(house),
  ...versions(house),
  ...ends(house),
  ...clients(house),
]

const reads = (house: VaultHouse): Route[] => [
  route(
    LIST,
    {
      summary: 'List providers, by name',
      description:
        'Bundled definitions and those of the tenant. `verified_on: null` means that nobody compared it with its vendor.',
      tag,
      auth: 'any',
      action: 'connection.read',
      query: {
        kind: s.optional(s.oneOf(...KINDS)),
        state: s.optional(s.oneOf('available', 'configured', 'connected', 'overridden', 'proposed')),
        q: s.optional(s.line({ max: 100 })).describe('A part of a name or a host.'),
        ...s.page(),
      },
      answers: { 200: s.list(ProviderRow) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listForViewer(house, scope, query),
  ),
  route(
    'GET /providers/:name',
    {
      summary: 'Read a provider and its definition',
      tag,
      auth: 'any',
      action: 'connection.read',
      params,
      answers: { 200: ProviderBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getForViewer(house, scope, params.name),
  ),
]

const versions = (house: VaultHouse): Route[] => [
  route(
    'POST /providers/check',
    {
      ...propose,
      summary: 'Check a definition without storing it',
      maxBody,
      body: SourceBody,
      answers: { 200: CheckedBody },
      problems: ['definition_invalid'],
      idempotency: 'none',
    },
    ({ scope, body }) => checkSource(house, scope, body.source),
  ),
  route(
    'POST /providers',
    {
      ...propose,
      summary: 'Propose a provider',
      description: 'It acts once somebody else approves its exact digest.',
      maxBody,
      body: ProposalBody,
      answers: { 202: VersionBody },
      problems: ['definition_invalid', 'provider_exists', 'state_conflict', ...JUDGED],
    },
    ({ scope, body }) => proposeDefinition(house, scope, null, body),
  ),
  route(
    'PUT /providers/:name',
    {
      ...propose,
      summary: 'Propose another version of a provider’s definition',
      description: 'Until it is approved the present one serves.',
      maxBody,
      params,
      body: ProposalBody,
      answers: { 202: VersionBody },
      problems: ['not_found', 'definition_invalid', 'provider_exists', 'state_conflict', ...JUDGED],
    },
    ({ scope, params, body }) => proposeDefinition(house, scope, params.name, body),
  ),
  route(
    'POST /providers/:name/versions/:digest/approve',
    {
      ...manage,
      summary: 'Approve a proposed definition',
      description:
        'By who did not propose it, unless nobody else could. Where a credential could go elsewhere by it, grants are suspended.',
      stepUp: true,
      params: versionParams,
      answers: { 200: VersionBody },
      problems: ['not_found', 'state_conflict', 'same_person', 'provider_exists', 'definition_invalid', ...JUDGED],
    },
    ({ scope, params }) => approveDefinition(house, scope, params.name, params.digest),
  ),
  route(
    'POST /providers/:name/versions/:digest/reject',
    {
      ...manage,
      summary: 'Reject a proposed definition',
      stepUp: true,
      params: versionParams,
      answers: { 200: VersionBody },
      problems: ['not_found', 'state_conflict', ...JUDGED],
    },
    ({ scope, params }) => rejectDefinition(house, scope, params.name, params.digest),
  ),
]

const ends = (house: VaultHouse): Route[] => [
  route(
    'DELETE /providers/:name',
    {
      ...manage,
      summary: 'Remove the tenant’s own definition of a provider',
      description: 'A bundled one of the same name serves again; without one every connection of the provider ends.',
      stepUp: true,
      params,
      body: ConfirmBody,
      answers: { 202: EndedBody },
      problems: ['not_found', 'state_conflict', 'confirmation_required', ...JUDGED],
    },
    ({ scope, params, body }) => removeOwn(house, scope, params.name, body),
  ),
  route(
    'POST /providers/:name/revoke',
    {
      ...manage,
      summary: 'End every connection of a provider',
      stepUp: true,
      params,
      body: ConfirmBody,
      answers: { 202: EndedBody },
      problems: ['not_found', 'confirmation_required', ...JUDGED],
    },
    ({ scope, params, body }) => endConnections(house, scope, params.name, body),
  ),
]

const clients = (house: VaultHouse): Route[] => [
  route(
    'GET /providers/:name/client',
    {
      ...manage,
      summary: 'Read our registration at a provider',
      params,
      query: { issuer: s.optional(s.line({ max: 2_000 })) },
      answers: { 200: ClientBody },
      problems: ['not_found'],
    },
    ({ scope, params, query }) => getClient(house, scope, params.name, query.issuer),
  ),
  route(
    'PUT /providers/:name/client',
    {
      ...manage,
      summary: 'Register or change the client at a provider',
      description: 'A change of id or secret first answers how many connections it concerns. Its secret is never answered.',
      stepUp: true,
      params,
      body: ClientChange,
      answers: { 200: ClientBody },
      problems: ['not_found', 'confirmation_required', ...JUDGED],
    },
    ({ scope, params, body }) => setClient(house, scope, params.name, body),
  ),
  route(
    'DELETE /providers/:name/client',
    {
      ...manage,
      summary: 'Remove the client at a provider',
      stepUp: true,
      params,
      body: ClientRemoval,
      answers: { 200: Removed },
      problems: ['not_found', 'confirmation_required', ...JUDGED],
    },
    ({ scope, params, body }) => removeClient(house, scope, params.name, body),
  ),
]
