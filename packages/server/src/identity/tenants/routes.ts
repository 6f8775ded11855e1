// The doors of tenants: for hosts, for the tenant itself, for people of several, and break-glass. Each reads, calls one verb and answers.
import { type Route, route, s } from '../../http/route.ts'
import type { IdentityHouse } from '../house.ts'
import { listOf } from '../list.ts'
import { setCookie } from '../session.ts'
import { Address } from '../shapes.ts'
import {
  type BreakGlassHouse,
  closeRequest,
  endOwnRequest,
  listHostRequests,
  listOwnRequests,
  readRequest,
  requestBreakGlass,
} from './break-glass.ts'
import { listMyTenants, switchTenant } from './membership.ts'
import {
  AbsoluteSeconds,
  BreakGlass,
  CardVerification,
  IdleSeconds,
  MadeTenant,
  Membership,
  Profile,
  Reason,
  RelayCompat,
  Tenant,
  TenantPlate,
} from './shapes.ts'
import {
  changeOwnTenant,
  changeTenantState,
  closeTenant,
  getTenant,
  listAllTenants,
  makeTenant,
  readOwnTenant,
  reopenTenant,
  transferTenant,
} from './tenant.ts'

const tag = 'Tenants'
// What a host does happens in another tenant than the one of the session, so no reply can ride on its transaction.
const elsewhere = { auth: 'session', tag, idempotency: 'none', always: true } as const
const Name = s.line({ max: 200 })

export const tenantRoutes = (house: BreakGlassHouse): Route[] => [
  ...hostRoutes(house),
  ...ownRoutes(house),
  ...myRoutes(house),
  ...breakGlassRoutes(house),
]

const hostRoutes = (house: IdentityHouse): Route[] => [
  listOf(house)(
    'GET /tenants',
    { summary: 'List the tenants of the installation', tag, auth: 'session', action: 'tenant.list', item: TenantPlate },
    ({ scope }, page) => listAllTenants(house, scope, page),
  ),
  route(
    'POST /tenants',
    {
      ...elsewhere,
      summary: 'Make a tenant',
      description: 'With `owner_email` its owner is invited and you stay outside; without, you are its owner.',
      action: 'tenant.create',
      stepUp: true,
      body: s.object({ name: Name, owner_email: s.optional(Address) }),
      answers: { 201: MadeTenant },
      problems: ['step_up_required'],
    },
    ({ scope, body, limits }) => makeTenant(house, scope, body, limits),
  ),
  route(
    'GET /tenants/:id',
    {
      summary: 'Read the name and state of a tenant',
      tag,
      auth: 'session',
      action: 'tenant.list',
      params: { id: s.id('ten') },
      answers: { 200: TenantPlate },
      problems: ['not_found'],
    },
    ({ scope, params }) => getTenant(house, scope, params.id),
  ),
  route(
    'PATCH /tenants/:id',
    {
      ...elsewhere,
      summary: 'Suspend, resume or close a tenant',
      description: 'A suspended tenant can be read and nothing in it changes; a closing one is erased after 30 days.',
      action: 'tenant.suspend',
      stepUp: true,
      params: { id: s.id('ten') },
      body: s.object({ state: s.oneOf('active', 'suspended', 'closing'), reason: s.optional(Reason) }),
      answers: { 200: TenantPlate },
      problems: ['not_found', 'state_conflict', 'step_up_required'],
    },
    ({ scope, params, body }) => changeTenantState(house, scope, params.id, body),
  ),
]

const ownRoutes = (house: IdentityHouse): Route[] => [
  route(
    'GET /tenant',
    { summary: 'Read your tenant', tag, auth: 'any', action: 'tenant.read', answers: { 200: Tenant } },
    ({ scope }) => readOwnTenant(house, scope),
  ),
  route(
    'PATCH /tenant',
    {
      summary: 'Change the settings of your tenant',
      tag,
      auth: 'any',
      action: 'tenant.update',
      stepUp: true,
      body: s.object({
        name: s.optional(Name),
        session_profile: s.optional(Profile),
        session_idle_seconds: s.optional(IdleSeconds),
        session_absolute_seconds: s.optional(AbsoluteSeconds),
        revoke_exposed_keys: s.optional(s.boolean()),
        proof_nonce: s.optional(s.boolean()),
        vault_export: s.optional(s.boolean()),
        grant_max_seconds: s.optional(s.int({ min: 3_600, max: 31_536_000 })),
        card_verification: s.optional(CardVerification),
        relay_compat: s.optional(RelayCompat),
      }),
      answers: { 200: Tenant },
      problems: ['step_up_required'],
    },
    ({ scope, body }) => changeOwnTenant(house, scope, body),
  ),
  route(
    'POST /tenant/transfer',
    {
      summary: 'Hand your tenant over',
      description: 'The other becomes an owner and you an admin.',
      tag,
      auth: 'session',
      action: 'tenant.transfer',
      stepUp: true,
      body: s.object({ user_id: s.id('usr') }),
      answers: { 200: Tenant },
      problems: ['not_found', 'state_conflict', 'step_up_required'],
    },
    ({ scope, body }) => transferTenant(house, scope, body.user_id),
  ),
  route(
    'POST /tenant/close',
    {
      summary: 'Close your tenant',
      description: 'From now on it can only be read. It is erased after 30 days; until then it can be opened again.',
      tag,
      auth: 'session',
      action: 'tenant.close',
      stepUp: true,
      body: s.object({ name: s.text({ min: 1, max: 200 }), reason: Reason }),
      answers: { 200: Tenant },
      problems: ['tenant_suspended', 'step_up_required'],
    },
    ({ scope, body }) => closeTenant(house, scope, body),
  ),
  route(
    'POST /tenant/reopen',
    {
      summary: 'Take the closing of your tenant back',
      tag,
      auth: 'session',
      action: 'tenant.close',
      stepUp: true,
      always: true,
      answers: { 200: Tenant },
      problems: ['tenant_suspended', 'step_up_required'],
    },
    ({ scope }) => reopenTenant(house, scope),
  ),
]

const myRoutes = (house: IdentityHouse): Route[] => [
  route(
    'GET /me/tenants',
    { summary: 'Where you can act', tag: 'Me', auth: 'session', self: true, answers: { 200: s.list(Membership) } },
    async ({ scope }) => ({ data: await listMyTenants(house, scope), next_cursor: null }),
  ),
  route(
    'POST /me/tenant',
    {
      summary: 'Act in another of your tenants',
      description: 'The session goes on there under another token, and no longer than it would have lasted here.',
      tag: 'Me',
      auth: 'session',
      self: true,
      always: true,
      idempotency: 'none',
      body: s.object({ tenant_id: s.id('ten') }),
      answers: { 200: Membership },
      problems: ['not_found', 'session_ended'],
    },
    async ({ scope, body, reply }) => {
      const { chosen, cookie } = await switchTenant(house, scope, body.tenant_id)
      if (cookie) setCookie(house, reply, cookie)
      return chosen
    },
  ),
]

const one = { params: { id: s.id('bgl') }, answers: { 200: BreakGlass } }

const breakGlassRoutes = (house: BreakGlassHouse): Route[] => [
  listOf(house)(
    'GET /break-glass',
    { summary: 'List the requests of hosts', tag, auth: 'session', action: 'break_glass.list', item: BreakGlass },
    ({ scope }, page) => listHostRequests(house, scope, page),
  ),
  route(
    'POST /break-glass',
    {
      ...elsewhere,
      summary: 'Ask to look into a tenant',
      description:
        'An owner of the tenant answers by a task in their inbox; after 15 minutes without an answer every other host has one too. Reading only, and every object is recorded there.',
      action: 'break_glass.request',
      stepUp: true,
      body: s.object({
        tenant_id: s.id('ten'),
        reason: s.text({ min: 20, max: 1_000 }),
        minutes: s.optional(s.int({ min: 1, max: 30 })),
      }),
      answers: { 201: BreakGlass },
      problems: ['not_found', 'state_conflict', 'step_up_required'],
    },
    ({ scope, body }) => requestBreakGlass(house, scope, body),
  ),
  route(
    'GET /break-glass/:id',
    { ...one, summary: 'Read a request of a host', tag, auth: 'session', action: 'break_glass.list', problems: ['not_found'] },
    ({ scope, params }) => readRequest(house, scope, params.id),
  ),
  route(
    'POST /break-glass/:id/close',
    {
      ...elsewhere,
      ...one,
      summary: 'Take a request back, or end what it opened',
      action: 'break_glass.request',
      stepUp: true,
      problems: ['not_found', 'step_up_required'],
    },
    ({ scope, params }) => closeRequest(house, scope, params.id),
  ),
  listOf(house)(
    'GET /tenant/break-glass',
    { summary: 'List who asked to look into your tenant', tag, auth: 'any', action: 'tenant.read', item: BreakGlass },
    ({ scope }, page) => listOwnRequests(house, scope, page),
  ),
  route(
    'POST /tenant/break-glass/:id/end',
    {
      ...one,
      summary: 'End what break-glass opened in your tenant',
      tag,
      auth: 'any',
      action: 'break_glass.end',
      always: true,
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params }) => endOwnRequest(house, scope, params.id),
  ),
]
