// The doors of this room: set-up, sign-in, oneself, users, invitations, agents and keys. Each reads, calls one verb and answers.
import { type Route, route, s } from '../http/route.ts'
import { changeAgent, createAgent, listAgentsOf } from './agent.ts'
import { cliRoutes } from './cli/routes.ts'
import type { IdentityHouse } from './house.ts'
import { acceptInvitation, invite, listInvitationsOf, revokeInvitation } from './invitation.ts'
import { createKey, getKey, listKeysOf, revokeKey, revokeKeys, rotateKey } from './key.ts'
import { listOf } from './list.ts'
import { changePassword, logIn, stepUp } from './login.ts'
import { KEY_SCOPES } from './matrix.ts'
import { getMe } from './me.ts'
import { hasProof } from './proof.ts'
import { proofRoutes } from './proofs/routes.ts'
import { cookieName, endMyOtherSessions, endMySession, listMySessions, renewCookie, setCookie, signOut } from './session.ts'
import { setUp, setupStatus } from './setup.ts'
import {
  Address,
  Agent,
  Environment,
  Invitation,
  Joined,
  Key,
  KeyKind,
  LinkToken,
  MadeInvitation,
  Me,
  NewKey,
  Password,
  PublicKeyText,
  Role,
  Session,
  SetupStatus,
  User,
} from './shapes.ts'
import { changeMe, changeRole, changeUserState, getUser, listUsersOf, removeUser } from './user.ts'

export function identityRoutes(house: IdentityHouse): Route[] {
  const list = listOf(house)
  return [
    route(
      'GET /setup/status',
      {
        summary: 'Whether the first operator is still to come',
        tag: 'Set-up',
        auth: 'none',
        bucket: 'anonymous',
        answers: { 200: SetupStatus },
      },
      () => setupStatus(house),
    ),
    route(
      'POST /setup/operator',
      {
        summary: 'Become the first operator',
        tag: 'Set-up',
        auth: 'none',
        bucket: 'setup.address',
        idempotency: 'none',
        maxBody: 8_192,
        body: s.object({
          token: LinkToken,
          email: Address,
          password: Password,
          display_name: s.optional(s.line({ max: 200 })),
        }),
        answers: { 201: Joined },
        problems: ['setup_token_invalid', 'setup_completed', 'password_refused', 'busy'],
      },
      async ({ body, request, reply }) => {
        const { result, cookie } = await setUp(house, body, request)
        setCookie(house, reply, cookie)
        return result
      },
    ),
    route(
      'POST /auth/login',
      {
        summary: 'Sign in by password',
        tag: 'Sign-in',
        auth: 'none',
        bucket: 'login.address',
        idempotency: 'none',
        maxBody: 4_096,
        body: s.object({ login: s.text({ min: 1, max: 320 }), password: Password }),
        answers: { 204: null },
        problems: ['credentials_invalid', 'busy'],
      },
      async ({ body, request, reply, limits }) => {
        const held = request.cookie(cookieName(house.origin()))
        setCookie(house, reply, await logIn(house, body, { address: request.address, client: request.client, limits, held }))
        return null
      },
    ),
    route(
      'POST /auth/logout',
      {
        summary: 'Sign out',
        tag: 'Sign-in',
        auth: 'session',
        self: true,
        always: true,
        idempotency: 'none',
        answers: { 204: null },
      },
      async ({ scope, reply }) => {
        await signOut(house, scope)
        setCookie(house, reply, null)
        return null
      },
    ),
    route(
      'POST /auth/step-up',
      {
        summary: 'Prove to be there',
        tag: 'Sign-in',
        auth: 'session',
        self: true,
        always: true,
        idempotency: 'none',
        maxBody: 8_192,
        body: s.object({ password: Password }),
        answers: { 204: null },
        problems: ['credentials_invalid', 'busy'],
      },
      async ({ scope, body, reply, limits }) => {
        setCookie(house, reply, await stepUp(house, scope, body.password, limits))
        return null
      },
    ),
    ...(['GET /auth/me', 'GET /me'] as const).map((head) =>
      route(
        head,
        { summary: 'Who is signed in', tag: 'Me', auth: 'session', self: true, answers: { 200: Me } },
        async ({ scope, reply }) => {
          await renewCookie(house, scope, reply)
          return getMe(house, scope)
        },
      ),
    ),
    route(
      'PATCH /me',
      {
        summary: 'Change your names',
        tag: 'Me',
        auth: 'session',
        self: true,
        body: s.object({
          display_name: s.optional(s.line({ max: 200 })),
          username: s.nullish(s.pattern(/^[a-z0-9][a-z0-9_-]{2,31}$/, 'Must be 3 to 32 of a-z, 0-9, _ and -.')),
        }),
        answers: { 200: User },
      },
      ({ scope, body }) => changeMe(house, scope, body),
    ),
    route(
      'POST /me/password',
      {
        summary: 'Change your password',
        description: 'By the old password, or after a step-up. All other sessions end.',
        tag: 'Me',
        auth: 'session',
        self: true,
        idempotency: 'none',
        maxBody: 16_384,
        body: s.object({ old_password: s.optional(Password), password: Password }),
        answers: { 204: null },
        problems: ['credentials_invalid', 'password_refused', 'step_up_required', 'busy'],
      },
      async ({ scope, body, reply, limits }) => {
        const proof = { isFresh: hasProof(scope, house.db.now()), limits }
        setCookie(house, reply, await changePassword(house, scope, body, proof))
        return null
      },
    ),
    route(
      'GET /me/sessions',
      { summary: 'Where you are signed in', tag: 'Me', auth: 'session', self: true, answers: { 200: s.list(Session) } },
      async ({ scope }) => ({ data: await listMySessions(house, scope), next_cursor: null }),
    ),
    route(
      'DELETE /me/sessions/:id',
      {
        summary: 'End a session',
        tag: 'Me',
        auth: 'session',
        action: 'session.revoke',
        params: { id: s.id('ses') },
        answers: { 204: null },
        problems: ['not_found'],
      },
      ({ scope, params }) => endMySession(house, scope, params.id),
    ),
    route(
      'DELETE /me/sessions',
      { summary: 'End all your other sessions', tag: 'Me', auth: 'session', self: true, answers: { 204: null } },
      ({ scope }) => endMyOtherSessions(house, scope),
    ),
    ...userRoutes(house, list),
    ...invitationRoutes(house, list),
    ...agentRoutes(house, list),
    ...proofRoutes(house),
    ...cliRoutes(house),
    ...keyRoutes(house, list),
  ]
}

type List = ReturnType<typeof listOf>

const userRoutes = (house: IdentityHouse, list: List): Route[] => [
  list(
    'GET /users',
    { summary: 'List users', tag: 'Users', auth: 'any', action: 'user.list', item: User },
    ({ scope }, { from, limit }) => listUsersOf(house, scope, { after: from, limit }),
  ),
  route(
    'GET /users/:id',
    {
      summary: 'Read a user',
      tag: 'Users',
      auth: 'any',
      action: 'user.list',
      params: { id: s.id('usr') },
      answers: { 200: User },
      problems: ['not_found'],
    },
    ({ scope, params }) => getUser(house, scope, params.id),
  ),
  route(
    'PATCH /users/:id',
    {
      summary: 'Deactivate or reactivate a user',
      tag: 'Users',
      auth: 'any',
      action: 'user.remove',
      stepUp: true,
      params: { id: s.id('usr') },
      body: s.object({ state: s.oneOf('active', 'deactivated') }),
      answers: { 200: User },
      problems: ['not_found', 'last_owner', 'role_too_high', 'step_up_required'],
    },
    ({ scope, params, body }) => changeUserState(house, scope, params.id, body.state),
  ),
  route(
    'DELETE /users/:id',
    {
      summary: 'Deactivate a user',
      tag: 'Users',
      auth: 'any',
      action: 'user.remove',
      stepUp: true,
      params: { id: s.id('usr') },
      answers: { 204: null },
      problems: ['not_found', 'last_owner', 'role_too_high', 'step_up_required'],
    },
    ({ scope, params }) => removeUser(house, scope, params.id),
  ),
  route(
    'PUT /users/:id/role',
    {
      summary: 'Give a user another role',
      tag: 'Users',
      auth: 'any',
      action: 'role.change',
      stepUp: true,
      params: { id: s.id('usr') },
      body: s.object({ role: Role }),
      answers: { 200: User },
      problems: ['not_found', 'last_owner', 'role_too_high', 'state_conflict', 'step_up_required'],
    },
    ({ scope, params, body }) => changeRole(house, scope, params.id, body.role),
  ),
]

const invitationRoutes = (house: IdentityHouse, list: List): Route[] => [
  list(
    'GET /invitations',
    {
      summary: 'List invitations',
      tag: 'Users',
      auth: 'session',
      action: 'user.invite',
      item: Invitation,
    },
    ({ scope }, { from, limit }) => listInvitationsOf(house, scope, { before: from, limit }),
  ),
  route(
    'POST /invitations',
    {
      summary: 'Invite somebody',
      description:
        'No mail is sent: the answer holds the link once, for you to hand over. It works once, for 7 days, for this address.',
      tag: 'Users',
      auth: 'session',
      action: 'user.invite',
      stepUp: true,
      body: s.object({ email: Address, role: Role }),
      secretOnce: ['link'],
      answers: { 201: MadeInvitation },
      problems: ['role_too_high', 'step_up_required'],
    },
    ({ scope, body, limits }) => invite(house, scope, body, limits),
  ),
  route(
    'DELETE /invitations/:id',
    {
      summary: 'Withdraw an invitation',
      tag: 'Users',
      auth: 'session',
      action: 'user.invite',
      stepUp: true,
      params: { id: s.id('inv') },
      answers: { 204: null },
      problems: ['not_found', 'step_up_required'],
    },
    ({ scope, params }) => revokeInvitation(house, scope, params.id),
  ),
  route(
    'POST /invitations/accept',
    {
      summary: 'Join by an invitation',
      description: 'Somebody who has an account already proves it by its password. Sign in afterwards.',
      tag: 'Users',
      auth: 'none',
      bucket: 'setup.address',
      idempotency: 'none',
      maxBody: 8_192,
      body: s.object({
        token: LinkToken,
        email: Address,
        password: Password,
        display_name: s.optional(s.line({ max: 200 })),
      }),
      answers: { 201: Joined },
      problems: [
        'link_invalid',
        'link_used',
        'link_expired',
        'link_revoked',
        'credentials_invalid',
        'password_refused',
        'state_conflict',
        'busy',
      ],
    },
    ({ body, limits }) => acceptInvitation(house, body, limits),
  ),
]

const agentRoutes = (house: IdentityHouse, list: List): Route[] => [
  list(
    'GET /agents',
    {
      summary: 'List agents',
      tag: 'Agents',
      auth: 'any',
      action: 'agent.read',
      query: { state: s.optional(s.oneOf('unclaimed', 'active', 'paused', 'revoked')) },
      item: Agent,
    },
    ({ scope, query }, { from, limit }) =>
      listAgentsOf(house, scope, { before: from, limit, state: (query.state as 'active' | undefined) ?? null }),
  ),
  route(
    'POST /agents',
    {
      summary: 'Make an agent',
      tag: 'Agents',
      auth: 'any',
      action: 'agent.create',
      body: s.object({
        name: s.line({ max: 100 }),
        description: s.optional(s.text({ max: 2_000 })),
        environment: s.optional(Environment),
        owner_user_id: s.optional(s.id('usr')),
      }),
      answers: { 201: Agent },
    },
    ({ scope, body }) => createAgent(house, scope, body),
  ),
  route(
    'PATCH /agents/:id',
    {
      summary: 'Rename, label, pause, resume or revoke an agent',
      tag: 'Agents',
      auth: 'any',
      action: 'agent.update',
      params: { id: s.id('agt') },
      body: s.object({
        name: s.optional(s.line({ max: 100 })),
        description: s.optional(s.text({ max: 2_000 })),
        labels: s
          .optional(s.array(s.line({ max: 100 }), { max: 50 }))
          .describe('Grants and policies may mean every agent with a label.'),
        proof: s
          .optional(s.oneOf('optional', 'required'))
          .describe('Required: each call of the agent is proven with its key pair, and a bare key of it is refused.'),
        state: s.optional(s.oneOf('active', 'paused', 'revoked')),
      }),
      answers: { 200: Agent },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params, body }) => changeAgent(house, scope, params.id, body),
  ),
]

const keyRoutes = (house: IdentityHouse, list: List): Route[] => [
  list(
    'GET /keys',
    {
      summary: 'List keys',
      tag: 'Keys',
      auth: 'any',
      action: 'key.read',
      query: { agent_id: s.optional(s.id('agt')), kind: s.optional(KeyKind) },
      item: Key,
    },
    ({ scope, query }, { from, limit }) =>
      listKeysOf(house, scope, {
        before: from,
        limit,
        agentId: (query.agent_id as string | undefined) ?? null,
        kind: (query.kind as 'agt' | undefined) ?? null,
      }),
  ),
  route(
    'POST /keys',
    {
      summary: 'Make a key',
      description: 'The answer holds the key once. An agent key may ask and read its own tasks unless other scopes are named.',
      tag: 'Keys',
      auth: 'any',
      action: 'key.create',
      stepUp: true,
      body: s.object({
        kind: KeyKind,
        agent_id: s.optional(s.id('agt')),
        agent_ids: s.optional(s.array(s.id('agt'), { max: 50 })).describe('Of a key for embeds: whose tasks it may show.'),
        origins: s.optional(s.array(s.line({ max: 256 }), { max: 50 })).describe('Of a key for embeds: where it may show them.'),
        name: s.optional(s.line({ max: 100 })),
        scopes: s.optional(s.array(s.oneOf(...(KEY_SCOPES as [string, ...string[]])), { min: 1, max: 100 })),
        addresses: s.optional(s.array(s.line({ max: 64 }), { max: 20 })),
        environment: s.optional(Environment),
        expires_in_seconds: s.optional(s.int({ min: 60, max: 365 * 86_400 })),
        public_key: s.optional(PublicKeyText),
      }),
      secretOnce: ['secret'],
      answers: { 201: NewKey },
      problems: ['key_in_use', 'scope_too_wide', 'state_conflict', 'step_up_required'],
    },
    ({ scope, body }) => createKey(house, scope, body),
  ),
  route(
    'GET /keys/:id',
    {
      summary: 'Read a key',
      tag: 'Keys',
      auth: 'any',
      action: 'key.read',
      params: { id: s.id('key') },
      answers: { 200: Key },
      problems: ['not_found'],
    },
    ({ scope, params }) => getKey(house, scope, params.id),
  ),
  route(
    'POST /keys/:id/rotate',
    {
      summary: 'Rotate a key',
      description: 'The answer holds the new key once; the old one works until the overlap ends.',
      tag: 'Keys',
      auth: 'any',
      action: 'key.rotate',
      stepUp: true,
      params: { id: s.id('key') },
      body: s.object({
        overlap_seconds: s.withDefault(s.int({ min: 0, max: 604_800 }), 86_400),
        public_key: s.optional(PublicKeyText),
      }),
      secretOnce: ['secret'],
      answers: { 201: NewKey },
      problems: ['key_in_use', 'not_found', 'rotation_open', 'state_conflict', 'step_up_required'],
    },
    ({ scope, params, body }) => rotateKey(house, scope, params.id, body.overlap_seconds, body.public_key),
  ),
  route(
    'POST /keys/:id/revoke',
    {
      summary: 'Revoke a key',
      tag: 'Keys',
      auth: 'any',
      action: 'key.revoke',
      params: { id: s.id('key') },
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => revokeKey(house, scope, params.id),
  ),
  route(
    'POST /keys/revoke',
    {
      summary: 'Revoke many keys',
      description: 'By maker, agent, kind or age, at least one of them; what is left out does not narrow.',
      tag: 'Keys',
      auth: 'any',
      action: 'key.revoke',
      body: s.object({
        created_by: s.optional(s.id('usr')),
        agent_id: s.optional(s.id('agt')),
        kind: s.optional(KeyKind),
        created_before: s.optional(s.time()),
      }),
      answers: { 200: s.object({ revoked: s.int() }) },
    },
    ({ scope, body }) => revokeKeys(house, scope, body),
  ),
]
