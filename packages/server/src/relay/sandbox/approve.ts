// The one word that the sandbox looks at before a message reaches it (relay.md R4): what begins with `approve` waits in the visitor's own inbox, as though a policy of theirs had asked,
// and the visitor may decide it. Turns an allow into a question and never a question or a refusal into anything.
import type { Scope } from '../../db/scope.ts'
import type { Judged } from '../../identity/policies/judge.ts'
import type { Part } from '../model.ts'
import { SANDBOX, SANDBOX_TENANT } from './place.ts'

const DAY_SECONDS = 86_400
const ASK = 'The message begins with “approve”, so the sandbox asks: may {agent} send it?'

/** `scope`: of the caller, in the tenant that the message goes to. */
export function askVisitor(scope: Scope, { sandbox }: { sandbox: boolean }, judged: Judged, parts: readonly Part[]): Judged {
  const asks = sandbox && scope.tenantId === SANDBOX_TENANT && judged.outcome.outcome === 'allow'
  if (!asks || firstWord(parts).word !== 'approve') return judged
  const ask = { quorum: 1, expires_seconds: DAY_SECONDS, on_timeout: 'deny' as const, texts: [ASK] }
  return { ...judged, outcome: { ...judged.outcome, outcome: 'ask', policy_ids: [SANDBOX], ask } }
}

/** Of the first text, and what stands behind it. */
export function firstWord(parts: readonly Part[]): { word: string; rest: string } {
  const text = parts.find((part) => part.text !== undefined)?.text?.trim() ?? ''
  const [, word = '', rest = ''] = /^(\S*)\s*([\s\S]*)$/.exec(text) ?? []
  return { word: word.toLowerCase(), rest: rest.trim() }
}
