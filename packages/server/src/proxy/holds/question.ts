// The question that people are asked about a request (V103): who, for what, by which credential, what exactly is sent, why it is asked, and what was asked before.
// Everything that the agent wrote is shown as data, never as markup; what looks like a secret is masked; the title, which is kept plain, holds no body and no query.
import type { Asking } from '../../policy/decide.ts'
import { fillAsk } from '../../policy/words.ts'
import type { CreateInput } from '../../tasks/creation.ts'
import type { View } from '../decide/view.ts'
import { editableOf, oneTool, urlOf } from './edit.ts'
import { type Asks, askingOf } from './judge.ts'
import { maskSecrets } from './mask.ts'
import type { HoldRow, ShownNames } from './sql.ts'
import { bodyOf, type Stored } from './stored.ts'

const SHOWN_BODY = 16_384

export type Before = Pick<HoldRow, 'id' | 'task_id' | 'state' | 'opened_at'>
export type Told = {
  view: View
  judged: Asks
  stored: Stored
  names: ShownNames
  digest: string
  /** What was asked for this run before, newest first. */
  before: readonly Before[]
  /** The last attempt of this very request was let out, and nobody knows what came of it. */
  wasLost: boolean
}

export const actionOf = ({ rpc }: Asks): 'proxy.request' | 'proxy.tool' =>
  rpc?.calls.some(({ tool }) => tool !== null) ? 'proxy.tool' : 'proxy.request'

const AFTER: Readonly<Record<HoldRow['state'], string>> = {
  open: 'waits',
  agreed: 'approved',
  refused: 'denied',
  expired: 'nobody answered',
  lapsed: 'approved and not used',
  closed: 'taken back: what it was judged by has changed',
  spent: 'approved, on its way',
  sent: 'approved and sent',
  not_sent: 'approved and not sent: it stopped before anything went out',
  unknown: 'approved, let out, and nobody knows what came of it',
}

export function questionOf(told: Told): CreateInput {
  const { view, judged, stored, names, digest, before, wasLost } = told
  const asking = askingOf(judged)
  const { connection } = judged.use
  const { request } = stored
  const words = wordsOf(told)
  const questions = asking.texts.length > 0 ? asking.texts : ['May {agent} send {method} {host}{path} with {connection}?']
  const body = shownBody(stored)
  const tool = actionOf(judged) === 'proxy.tool' ? oneTool(stored) : null
  const editable = editableOf(stored, body.isWhole, tool !== null)
  const query = maskSecrets(request.query)
  const plainArgs = { method: request.method, url: urlOf(stored), ...(tool ? { tool: tool.tool } : {}) }
  return {
    task: questions
      .map((text) => fillAsk(text, words))
      .join(' ')
      .slice(0, 4_000),
    description: lines(told, asking).join('\n\n'),
    payload: {
      agent: { id: view.agent.id, name: names.agent, owner: names.owner },
      run: { id: view.run.id, purpose: view.run.purpose },
      connection: { id: connection.id, provider: connection.provider, name: connection.name, account: names.account },
      request: {
        method: request.method,
        host: request.host,
        path: request.path,
        query,
        headers: Object.fromEntries(Object.entries(request.bound_headers).map(([name, value]) => [name, maskSecrets(value)])),
        body_bytes: request.body_bytes,
      },
      ...(Object.keys(judged.facts.values).length > 0 ? { facts: { ...judged.facts.values } } : {}),
      ...(tool ? { tool: { name: tool.tool, arguments: maskSecrets(JSON.stringify(tool.arguments ?? null)) } } : {}),
      ...(request.body_bytes > 0 ? { body: body.text, body_is_whole: body.isWhole } : {}),
      asked_by: { policies: judged.policy.policy_ids, version: judged.policy.policy_version },
      asked_before: before.map(({ task_id, state, opened_at }) => ({ task_id, what: AFTER[state], at: opened_at.toISOString() })),
      ...(wasLost ? { earlier_attempt: 'unknown' } : {}),
      digest,
    },
    action: {
      name: actionOf(judged),
      args: editable?.args ?? plainArgs,
      description: 'What is sent, once, if it is approved.',
      allow: editable ? ['accept', 'edit', 'deny'] : ['accept', 'deny'],
      editable: editable ? [editable.pointer] : [],
    },
    timeout_seconds: asking.expires_seconds,
    on_timeout: 'deny',
    quorum: asking.quorum > 1 ? asking.quorum : null,
    tags: ['approval', 'proxy'],
    metadata: { action: actionOf(judged), digest, quorum: asking.quorum, run_id: view.run.id, connection_id: connection.id },
  }
}

function lines({ view, judged, names, wasLost, stored }: Told, { quorum }: Asking): string[] {
  const { policy_ids, policy_version } = judged.policy
  const body = shownBody(stored)
  return [
    wasLost
      ? 'An earlier attempt of the same request was let out, and nobody knows what came of it: it may have been done.'
      : null,
    quorum > 1 ? `${quorum} people have to agree.` : null,
    `${names.agent}${names.owner === null ? '' : `, the agent of ${names.owner},`} runs for: ${plain(view.run.purpose)}`,
    policy_ids.length > 0
      ? `Asked by ${policy_ids.join(', ')} in version ${policy_version} of the policies.`
      : 'Asked by a rule of the grant.',
    body.isWhole
      ? null
      : 'What looks like a secret is hidden, and a long body is cut. What is sent is what its digest says, to the byte.',
    'It is sent once if it is approved; anything that differs by a byte is asked anew.',
  ].filter((line) => line !== null)
}

/** Descriptions are Markdown, and what an agent wrote is none. */
const plain = (text: string): string => text.replace(/[\\`*_{}[\]()#+\-.!|<>~&]/g, '\\$&')

function shownBody(stored: Stored): { text: string; isWhole: boolean } {
  const bytes = bodyOf(stored)
  if (!isText(bytes)) return { text: `${bytes.length} bytes that are no text`, isWhole: false }
  const shown = new TextDecoder().decode(bytes.subarray(0, SHOWN_BODY), { stream: true })
  const text = maskSecrets(shown)
  return { text, isWhole: bytes.length <= SHOWN_BODY && text === shown }
}

function isText(bytes: Buffer): boolean {
  try {
    return !new TextDecoder('utf-8', { fatal: true }).decode(bytes).includes('\0')
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}

function wordsOf({ judged, stored, names }: Told): Record<string, string | undefined> {
  const { connection } = judged.use
  const tool = oneTool(stored)?.tool
  const facts = Object.entries(judged.facts.values).map(([name, value]) => [`facts.${name}`, String(value)])
  return {
    agent: names.agent,
    method: stored.request.method,
    host: stored.request.host,
    path: stored.request.path.slice(0, 500),
    connection: `${connection.provider}:${connection.name}`,
    tool: actionOf(judged) === 'proxy.tool' ? tool : undefined,
    ...Object.fromEntries(facts),
  }
}
