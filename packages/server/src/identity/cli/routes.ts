// The doors of a command that asks to be signed in, and of the person who answers. Each reads, calls one verb and answers.
import { type Route, route, s } from '../../http/route.ts'
import type { IdentityHouse } from '../house.ts'
import { NewKey } from '../shapes.ts'
import { approveSignIn, askSignIn, fetchSignIn, INTERVAL_SECONDS, readSignIn, refuseSignIn } from './sign-in.ts'

const tag = 'Sign-in'
const Code = s.line({ max: 20 }).describe('As the command shows it; in any case, with the dash or without.')
const body = s.object({ code: Code })

const asked = {
  client: s.text().describe('What the command says of the machine it runs on. Nobody vouches for it.'),
  address: s.maybe(s.text()).describe('From where it asked.'),
  asked_at: s.time(),
  expires_at: s.time(),
}
const Asked = s.named('AskedSignIn', s.object(asked))

export const cliRoutes = (house: IdentityHouse): Route[] => [
  route(
    'POST /cli/sign-ins',
    {
      summary: 'Ask to be signed in, as a command on somebody’s machine',
      description: `Show the code and the address to the person at the machine, keep the secret, and ask for the answer every ${INTERVAL_SECONDS} seconds. Nothing is given before somebody who is signed in has approved the code.`,
      tag,
      auth: 'none',
      bucket: 'cli.ask',
      idempotency: 'none',
      maxBody: 2_048,
      body: s.object({ client: s.line({ max: 100 }) }),
      answers: {
        201: s.named(
          'NewSignIn',
          s.object({
            code: s.text().describe('For the person: eight letters, for ten minutes, once.'),
            secret: s.text().describe('For the command alone.'),
            verification_url: s.text(),
            verification_url_complete: s.text().describe('With the code in the fragment.'),
            interval: s.int(),
            expires_at: s.time(),
          }),
        ),
      },
    },
    ({ body, request }) => askSignIn(house, body.client, request),
  ),
  route(
    'POST /cli/sign-ins/fetch',
    {
      summary: 'Ask whether somebody has answered',
      description:
        'The answer is given once. The key in it is a personal key of whoever approved, and ends when a session of theirs would.',
      tag,
      auth: 'none',
      bucket: 'cli.fetch',
      idempotency: 'none',
      maxBody: 2_048,
      body: s.object({ secret: s.line({ max: 200 }) }),
      answers: {
        200: s.named('FetchedSignIn', s.object({ state: s.oneOf('waiting', 'refused', 'approved'), key: s.maybe(NewKey) })),
      },
      problems: ['link_expired'],
    },
    ({ body }) => fetchSignIn(house, body.secret),
  ),
  route(
    'POST /cli/sign-ins/look',
    {
      summary: 'Read which command asks to be signed in',
      tag,
      auth: 'session',
      self: true,
      bucket: 'cli.code',
      idempotency: 'none',
      body,
      answers: {
        200: s.object({
          ...asked,
          same_address: s.boolean().describe('It asked from the address from which you ask now.'),
          tenant_name: s.text(),
          session_ends_at: s.time().describe('Until when it would be signed in.'),
        }),
      },
      problems: ['link_expired'],
    },
    ({ scope, body, request }) => readSignIn(house, scope, body.code, request),
  ),
  route(
    'POST /cli/sign-ins/approve',
    {
      summary: 'Sign a command in, as yourself',
      tag,
      auth: 'session',
      action: 'key.create',
      stepUp: true,
      bucket: 'cli.code',
      body,
      answers: { 200: Asked },
      problems: ['link_expired', 'step_up_required'],
    },
    ({ scope, body }) => approveSignIn(house, scope, body.code),
  ),
  route(
    'POST /cli/sign-ins/refuse',
    {
      summary: 'Refuse a command that asks to be signed in',
      tag,
      auth: 'session',
      self: true,
      bucket: 'cli.code',
      body,
      answers: { 200: Asked },
      problems: ['link_expired'],
    },
    ({ scope, body }) => refuseSignIn(house, scope, body.code),
  ),
]
