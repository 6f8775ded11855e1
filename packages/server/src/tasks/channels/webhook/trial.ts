// A test notice, posted now: it says whether the endpoint takes notices in its form, and shows what they look like there. It is of no task, holds no link by which
// anything could be decided, and is remembered nowhere.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { newId } from '../../../std/id.ts'
import { bodyOf } from './body.ts'
import type { WebhookChannelHouse } from './house.ts'
import { findTemplate, type Template } from './sql.ts'

export type WebhookTrial = { sent: boolean; status: number | null; reason: string | null }

const HOUR_MS = 3_600_000

export async function testWebhook(
  house: WebhookChannelHouse,
  scope: Scope,
  { endpoint, template }: { endpoint: string; template?: Template | undefined },
): Promise<WebhookTrial> {
  const found = await tx(
    house.tasks.db,
    scope,
    async (t) => ({
      known: await house.messages.find(t, scope, endpoint),
      form: template ?? (await findTemplate(t, scope, endpoint))?.template ?? 'raw',
      now: t.now,
    }),
    { readOnly: true },
  )
  if (!found.known) throw new Problem('not_found')
  const { now, form } = found
  const [id, taskId, url] = [newId('ntc', now.getTime()), newId('task', now.getTime()), `${house.tasks.origin()}/inbox`]
  const body = bodyOf(form, {
    notice: { id, tenantId: scope.tenantId, purpose: 'asked' },
    shown: { task: sampleOf(taskId, now), url, askedBy: 'Countersign' },
    actions: [{ type: 'review', label: 'Open', url, expires_at: new Date(now.getTime() + HOUR_MS) }],
    isUpdate: false,
    isTest: true,
    now,
  })
  const answer = await house.messages.send(scope.tenantId, endpoint, { id, body, taskId })
  if ('failed' in answer)
    return {
      sent: false,
      status: null,
      reason: answer.failed === 'no_endpoint' ? 'The endpoint is switched off.' : whyNot(answer.failed),
    }
  const sent = answer.status >= 200 && answer.status < 300
  return { sent, status: answer.status, reason: sent ? null : `The endpoint answered ${answer.status}.` }
}

const whyNot = (failed: string): string => `The endpoint could not be reached (${failed.replaceAll('_', ' ')}).`

const sampleOf = (id: string, now: Date) => ({
  id,
  revision: 1,
  verifier_result: null,
  status: 'open' as const,
  outcome: null,
  task: 'This is a test of Countersign. Questions will look like this one.',
  description: 'Nobody has to answer it.',
  payload: { order: 1042, amount: 240, currency: 'EUR' },
  priority: 'normal' as const,
  risk: 'normal' as const,
  redact: 'none' as const,
  deadline_at: new Date(now.getTime() + HOUR_MS),
  response_schema: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
  on_behalf_of: null,
  completed_via_channel: null,
  completed_by_display_name: null,
  assigned_to_display_name: null,
})
