// An answer from a program at an endpoint (T120, T150): signed by the endpoint's secret over its very bytes, and bound to a link that was sent to that endpoint. Whoever
// holds the secret says which person answered; that ranks as a link and opens nothing more.
import { type FieldError, Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { judge } from '../../../http/input.ts'
import { JsonRefused, readJsonBody } from '../../../http/json.ts'
import type { AskLimits, RequestInfo } from '../../../http/route.ts'
import { foldEmail } from '../../../identity/email.ts'
import { answered, type Found, findByToken, scopeOf } from '../../links/action.ts'
import { type Link, type LinkAnswer, refuseDead } from '../../links/link.ts'
import { userBehind } from '../../person.ts'
import type { Heard } from '../heard.ts'
import type { WebhookChannelHouse } from './house.ts'
import { ActionBody } from './shapes.ts'

type Given = { token: string; answer?: LinkAnswer; seen_revision?: number; person?: { email: string; display_name?: string } }

export async function heardFromProgram(
  house: WebhookChannelHouse,
  bytes: Uint8Array,
  request: RequestInfo,
  limits: AskLimits,
): Promise<Heard> {
  const given = read(bytes)
  const found = await findByToken(house.tasks, given.token)
  const { link, tenantId } = found
  await limits.take('link.token', link.id)
  if (link.endpoint_id === null || !(await isSigned(house, found, bytes, request))) throw new Problem('signature_invalid')
  refuseDead(link, found.now)
  const reader = given.person ? await readerOf(house, tenantId, link, given.person) : link
  const scope = scopeOf(house.tasks, tenantId, reader, request)
  const answer = given.answer ?? (link.revision === link.task_revision ? link.choice : null)
  if (!answer) throw new Problem('link_invalid', { detail: 'This link stands for no answer of its own.' })
  const input = { ...answer, seen_revision: given.seen_revision ?? link.revision }
  return answered(scope, reader, input, request)
}

function read(bytes: Uint8Array): Given {
  const errors: FieldError[] = []
  const body = judge(ActionBody, parsed(bytes), errors)
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  return body as Given
}

function parsed(bytes: Uint8Array) {
  try {
    return readJsonBody(bytes)
  } catch (error) {
    if (error instanceof JsonRefused) throw new Problem('json_invalid', { detail: error.message })
    throw error
  }
}

const isSigned = (house: WebhookChannelHouse, { tenantId, link }: Found, body: Uint8Array, { header }: RequestInfo) =>
  house.messages.isFrom(tenantId, link.endpoint_id as string, {
    id: header('webhook-id') ?? '',
    timestamp: header('webhook-timestamp') ?? '',
    signature: header('webhook-signature') ?? '',
    body,
  })

/** A user of the tenant answers as that user, with what stands against them; anybody else is known by their address. */
async function readerOf(
  house: WebhookChannelHouse,
  tenantId: string,
  link: Link,
  { email, display_name }: NonNullable<Given['person']>,
): Promise<Link> {
  const folded = foldEmail(email)
  if (folded === null)
    throw new Problem('validation_failed', {
      errors: [{ path: '/person/email', code: 'invalid_email', message: 'Must be an e-mail address.' }],
    })
  const scope: Scope = systemScope('links', tenantId)
  const user = await tx(house.tasks.db, scope, (t) => userBehind(t, scope, folded), { readOnly: true })
  return { ...link, user_id: user?.id ?? null, email: folded, display_name: user?.display_name ?? display_name ?? email }
}
