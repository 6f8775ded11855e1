// What was shown and what was decided, as the RFC 8785 texts that are digested (T152): by the decision, by a challenge, by whoever checks a receipt.
// Digit for digit as it came (T6). Pure.
import { canonical } from '../crypto/canonical.ts'
import type { Scope } from '../db/scope.ts'
import { tenantWire } from '../std/id.ts'
import type { Content } from './content.ts'

/** `action` and `items` are null where a task proposes none. */
export const shownText = (
  scope: Pick<Scope, 'tenantId'>,
  row: { id: string; revision: number; task: string },
  { description, payload, action }: Pick<Content, 'description' | 'payload' | 'action'>,
): string =>
  canonical({
    v: 1,
    tenant_id: tenantWire(scope.tenantId),
    task_id: row.id,
    revision: row.revision,
    task: row.task,
    description,
    payload,
    action,
    items: null,
  })

/** `userId`: who decided; of somebody who is no user here, what they are told apart by. */
export type Decided = { type: string; response: unknown; args: unknown; reason: unknown; userId: string }

export const decidedText = (contentSha256: string, { type, response, args, reason, userId }: Decided): string =>
  canonical({ v: 1, content_sha256: contentSha256, type, response, args, items: null, reason, user_id: userId })
