// Calls of Slack's Web API through the one door out. Says how a call ended in words of Slack's own; tries nothing again and keeps no token.
import type { Secret } from '../../../crypto/secret.ts'
import type { SlackHouse } from './house.ts'
import { isRecord, readRecord } from './read.ts'

export type Reply = Record<string, unknown>

/** Slack answered no, or did not answer. `code` is Slack's word, or ours: `unreachable`, `answer_unreadable`. */
export class SlackRefused extends Error {
  readonly code: string
  /** When it asked for a pause. */
  readonly afterMs: number | null
  constructor(code: string, afterMs: number | null = null) {
    super(`Slack: ${code}`)
    this.name = 'SlackRefused'
    this.code = code
    this.afterMs = afterMs
  }
  /** The installation is no more: nothing works with this token again. */
  get isOver(): boolean {
    return OVER.includes(this.code)
  }
  /** It may work later. */
  get isPassing(): boolean {
    return this.afterMs !== null || PASSING.includes(this.code)
  }
}

const OVER = [
  'token_revoked',
  'token_expired',
  'invalid_auth',
  'account_inactive',
  'not_authed',
  'org_login_required',
  'team_access_not_granted',
]
const PASSING = [
  'unreachable',
  'answer_unreadable',
  'ratelimited',
  'rate_limited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]
/** What is asked for in the first place is read, and its arguments go as a form; what is written goes as JSON. */
const READS = /^(?:users|conversations)\.(?:list|info|history|lookupByEmail)$|^auth\.test$|^oauth\.v2\.access$/
const PAUSE_MS = 30_000

export type Call = { tenantId: string; token: Secret | null; wholeMs?: number; signal?: AbortSignal }

export async function callSlack(
  { door, slackUrl }: SlackHouse,
  method: string,
  args: Record<string, unknown>,
  { tenantId, token, wholeMs = 10_000, signal }: Call,
): Promise<Reply> {
  const asForm = READS.test(method)
  const answer = await door.fetch({
    tenantId,
    url: `${slackUrl}/api/${method}`,
    method: 'POST',
    headers: {
      'content-type': asForm ? 'application/x-www-form-urlencoded' : 'application/json; charset=utf-8',
      ...(token === null ? {} : { authorization: `Bearer ${token.reveal()}` }),
    },
    body: asForm ? formOf(args) : JSON.stringify(args),
    caps: { wholeMs, headersMs: wholeMs },
    signal,
  })
  if ('failed' in answer) throw new SlackRefused(answer.failed === 'url_not_allowed' ? 'url_not_allowed' : 'unreachable')
  const { status, headers } = answer
  if (status === 429) throw new SlackRefused('ratelimited', pauseOf([headers['retry-after']].flat()[0]))
  const reply = readRecord(answer.body.toString('utf8'))
  if (!reply || status >= 500) throw new SlackRefused('answer_unreadable')
  if (reply.ok !== true)
    throw new SlackRefused(
      typeof reply.error === 'string' ? reply.error.slice(0, 100) : 'unknown_error',
      reply.error === 'ratelimited' ? PAUSE_MS : null,
    )
  return reply
}

const pauseOf = (after: string | undefined): number => {
  const seconds = Number(after)
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3_600) * 1_000 : PAUSE_MS
}

const formOf = (args: Record<string, unknown>): string =>
  new URLSearchParams(
    Object.entries(args).flatMap(([name, value]) => (value === undefined || value === null ? [] : [[name, String(value)]])),
  ).toString()

const MOST_PAGES = 100

/** Every page of a list, one after another; `name` is the member that holds the items. */
export async function* pagesOf(house: SlackHouse, method: string, args: Record<string, unknown>, name: string, call: Call) {
  let cursor: string | undefined
  for (let page = 0; page < MOST_PAGES; page++) {
    const reply = await callSlack(house, method, { ...args, limit: 200, cursor }, call)
    yield (Array.isArray(reply[name]) ? reply[name] : []).filter(isRecord)
    const next = isRecord(reply.response_metadata) ? reply.response_metadata.next_cursor : undefined
    if (typeof next !== 'string' || next === '') return
    cursor = next
  }
}
