// The judgement of one request (V91, from the target to the policy): which connection, which grant, which facts, what policy says. Pure but for the body,
// which it asks for when somebody needs it. Never sends, never opens material, writes nothing.
import { BlockList, isIPv6 } from 'node:net'
import { readUrl } from '../../egress/url.ts'
import { setsWithFacts } from '../../identity/policies/facts-schema.ts'
import { decide, type Outcome, type Sets } from '../../policy/decide.ts'
import { parsePathPattern, pathFits, type ReadPath, readPath } from '../../vault/grants/path.ts'
import { type Effect, type Rule, winning } from '../../vault/grants/rules.ts'
import type { Definition } from '../../vault/providers/definition.ts'
import { fillUrl } from '../../vault/providers/params.ts'
import type { AskedRequest } from '../gatekeeper.ts'
import { textsOf } from './body-texts.ts'
import { carries, choose } from './choose.ts'
import type { Reason } from './deny.ts'
import { type Facts, readFacts, wantsBody } from './facts.ts'
import { type Body, bodyOf, contentOf } from './inspect.ts'
import { type Asking, proxyPass, proxyRequest, proxyTool, type Seen, type Use } from './policy-request.ts'
import { isSpoken, type Rpc, readRpc } from './tools.ts'
import type { View, ViewConnection, ViewGrant } from './view.ts'

export type Policy = Pick<Outcome, 'policy_ids' | 'policy_version'>
export type Judged =
  | {
      outcome: 'allow' | 'ask'
      use: Use
      facts: Facts
      rpc: Rpc | null
      /** On an `mcp` path, whatever its method. */
      mcp: boolean
      policy: Outcome
      body: Body | undefined
      /** Policy had said the same of the same before. */
      cached: boolean
    }
  | { outcome: 'pass' | 'learn'; policy: Policy | null }
  | {
      outcome: 'deny'
      reason: Reason
      policy: Policy | null
      connection?: ViewConnection
      grant?: ViewGrant
      provider?: string
      choices?: string[]
      rpc?: Rpc | 'invalid'
    }

/** How much of a body is read for a judgement, in bytes. */
export type Limits = { inspectBody: number }

/** What a judgement passes, in this order; it ends at the first that refuses. */
export const STEPS = ['syntax', 'connection', 'grant', 'facts', 'rule', 'policy'] as const
export type Step = (typeof STEPS)[number]
/** Told of each step that was passed, for whoever explains a judgement. */
export type Note = (step: Step, detail: Readonly<Record<string, unknown>>) => void

export async function judgeRequest(
  given: { view: View; sets: Sets; limits: Limits; at: Date; note?: Note },
  request: AskedRequest,
): Promise<Judged> {
  const { view, limits, at, note } = given
  const sets = setsWithFacts(given.sets, view.facts)
  const read = readPath(request.path)
  if (!read) return deny('path_ambiguous')
  note?.('syntax', { path: request.path })
  // Field by field: some of a request are made when somebody looks, and a copy of all of them would look at every one.
  const { host, port, path, query, headers } = request
  const fields = { host, port, path, query, headers, read }
  const texts = await textsOf(view, fields, request)
  const choice = choose(view, { ...fields, texts })
  const bare = seenOf(request)
  if (choice === 'none') return passOr('no_grant', { view, seen: bare, at }, sets)
  if ('reason' in choice) {
    const { reason, ...about } = choice
    if (reason === 'connection_missing' && view.run.mode === 'learn')
      return learnOr(reason, { view, seen: bare, at }, sets, about)
    return { ...deny(reason), ...about }
  }
  const { connection } = choice
  const { definition } = connection
  const no = (reason: Reason, more: Partial<Extract<Judged, { outcome: 'deny' }>> = {}): Judged => ({
    ...deny(reason),
    connection,
    ...more,
  })
  if (request.scheme === 'http' && !definition.allow_plaintext) return no('plaintext')
  if (isOwnEndpoint(connection, request, read)) return no('path')
  note?.('connection', { connection_id: connection.id, provider: connection.provider, name: connection.name })
  const grants = liveGrants(connection.grants, request.clientAddress, at)
  if (typeof grants === 'string') return no(grants)
  note?.('grant', { grant_ids: grants.map(({ id }) => id) })
  const rules = rulesOf(grants)
  const onMcp = isMcp(definition, read)
  const mcp = onMcp && request.method === 'POST'
  const needsBody = mcp || wantsBody(definition.facts ?? {}) || readsContent(sets, at)
  const body = needsBody ? await bodyOf(request, limits.inspectBody) : undefined
  if (mcp && body === 'too_large') return no('body_too_large_to_inspect')
  const rpc = mcp && Buffer.isBuffer(body) ? readRpc(body) : null
  if (rpc === 'ambiguous' || (mcp && body === 'ambiguous')) return no('body_ambiguous')
  if (rpc === 'invalid') return no('body_ambiguous', { rpc })
  const contentType = request.headers.find(([name]) => name === 'content-type')?.[1] ?? null
  const facts = readFacts(definition.facts ?? {}, { path: request.path, query: request.query, contentType, body: body ?? null })
  const unread = neededButUnread(facts, rules.all, sets, at)
  if (unread) return no(unread)
  note?.('facts', { ...facts.values })
  const seen: Seen = {
    ...bare,
    bodyBytes: Buffer.isBuffer(body) ? body.length : bare.bodyBytes,
    inspected: Buffer.isBuffer(body) || body === null,
    content: contentOf(body ?? null, contentType),
    partial: body === 'too_large' || body === 'ambiguous',
  }
  const minting = isMinting(definition, request, read)
  const calls = rpc === null ? [null] : rpc.calls
  let again = 0
  let strictest: { use: Use; policy: Outcome; effect: Effect } | null = null
  for (const call of calls) {
    const tool = call?.tool ?? undefined
    const target = { host, method: request.method, path, tool, facts: facts.values, params: connection.params }
    const first = winning(rules.all, target)
    // Whoever may call some tool of a server may speak to it: else no client would come as far as to call one.
    const speaks = 'refusal' in first && onMcp && (call ? isSpoken(call) : isListening(request))
    const found = speaks ? winning(rules.speaking, target) : first
    if ('refusal' in found) return no('refusal' in first ? first.refusal : found.refusal, { rpc: rpc ?? undefined })
    const grant = (speaks ? rules.speakingOf : rules.grantOf)[found.index] as ViewGrant
    if (found.effect === 'deny') return no(tool === undefined ? 'path' : 'tool', { grant, rpc: rpc ?? undefined })
    if (minting && !grant.minting) return no('minting', { grant })
    if (grant.placeholderRequired && !carries({ path, query, headers, texts }, connection.placeholder))
      return no('placeholder_missing', { grant })
    note?.('rule', {
      grant_id: grant.id,
      effect: found.effect,
      rule: (speaks ? rules.speaking : rules.all)[found.index],
      ...(tool === undefined ? {} : { tool }),
    })
    const use: Use = { connection, grant, effect: found.effect, minting }
    const asking: Asking = { view, seen, at }
    const asked =
      tool === undefined || call === null ? proxyRequest(asking, use, facts.values) : proxyTool(asking, use, facts.values, call)
    const said = decide(asked, sets, undefined, () => {
      again++
    })
    const policy = stricter(said, found.effect)
    if (policy.outcome === 'deny')
      return no(policy.reason === 'no_permit' ? 'no_permit' : 'policy_forbid', { grant, policy, rpc: rpc ?? undefined })
    note?.('policy', { outcome: policy.outcome, policy_ids: policy.policy_ids })
    if (strictest === null || STRICT[policy.outcome] > STRICT[strictest.policy.outcome])
      strictest = { use, policy, effect: found.effect }
  }
  const { use, policy } = strictest as NonNullable<typeof strictest>
  const outcome = policy.outcome === 'ask' ? 'ask' : 'allow'
  return { outcome, use, facts, rpc, mcp: onMcp, policy, body, cached: again === calls.length }
}

const STRICT = { allow: 0, ask: 1, deny: 2 } as const
const deny = (reason: Reason): Extract<Judged, { outcome: 'deny' }> => ({ outcome: 'deny', reason, policy: null })

/** A rule that says to ask is asked for, whatever policy would let through: a grant only ever narrows. */
function stricter(policy: Outcome, effect: 'allow' | 'ask'): Outcome {
  if (effect === 'allow' || policy.outcome !== 'allow') return policy
  return { ...policy, outcome: 'ask', reason: 'asked', ask: { quorum: 1, expires_seconds: 600, on_timeout: 'deny', texts: [] } }
}

/** Nobody's connection: through without a credential where policy permits it, or where the run learns (V95, V96). */
export function passOr(reason: Reason, asking: Asking, sets: Sets, intercepted = true): Judged {
  const policy = decide(proxyPass(asking, intercepted), sets)
  if (policy.outcome === 'allow') return { outcome: 'pass', policy }
  // A learning run passes what nothing forbids.
  if (asking.view.run.mode === 'learn' && policy.reason === 'no_permit') return { outcome: 'learn', policy }
  return { outcome: 'deny', reason: policy.reason === 'no_permit' ? reason : 'policy_forbid', policy }
}

/** A provider's host that nobody has connected: a run that learns passes it as well, and what a policy forbids it may not reach either (V96). */
function learnOr(reason: Reason, asking: Asking, sets: Sets, about: { provider?: string }): Judged {
  const said = passOr(reason, asking, sets)
  // Leave to pass hosts of nobody is none to pass a provider's: what goes out here is learned.
  if (said.outcome === 'pass') return { ...said, outcome: 'learn' }
  return said.outcome === 'deny' ? { ...said, ...about } : said
}

function liveGrants(grants: readonly ViewGrant[], address: string, at: Date): readonly ViewGrant[] | Reason {
  const active = grants.filter((grant) => grant.status === 'active' && grant.startsAt <= at)
  if (active.length === 0) return grants.some((grant) => grant.status === 'suspended') ? 'suspended' : 'no_grant'
  const running = active.filter((grant) => grant.expiresAt > at && (grant.maxUses === null || grant.uses < grant.maxUses))
  if (running.length === 0) return 'grant_expired'
  const here = running.filter((grant) => isFrom(grant.clientCidrs, address))
  return here.length === 0 ? 'no_grant' : here
}

function isFrom(cidrs: readonly string[], address: string): boolean {
  if (cidrs.length === 0) return true
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [network = '', bits] = cidr.split('/')
    const family = isIPv6(network) ? 'ipv6' : 'ipv4'
    list.addSubnet(network, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

type Rules = {
  all: readonly Rule[]
  grantOf: readonly ViewGrant[]
  /** What the rules that let a tool be called say of their server. */
  speaking: readonly Rule[]
  speakingOf: readonly ViewGrant[]
}
const kept = new WeakMap<ViewGrant, { of: readonly ViewGrant[]; rules: Rules }>()

/** The rules of all grants as one list: whichever speaks most closely for a request counts, whoever gave it. Kept, so that they are read once. */
function rulesOf(grants: readonly ViewGrant[]): Rules {
  const known = kept.get(grants[0] as ViewGrant)
  if (known && known.of.length === grants.length && known.of.every((grant, i) => grant === grants[i])) return known.rules
  const rules = {
    all: grants.flatMap((grant) => grant.rules),
    grantOf: grants.flatMap((grant) => grant.rules.map(() => grant)),
    speaking: grants.flatMap((grant) => grant.rules.filter(letsCall).map(spoken)),
    speakingOf: grants.flatMap((grant) => grant.rules.filter(letsCall).map(() => grant)),
  }
  kept.set(grants[0] as ViewGrant, { of: grants, rules })
  return rules
}

const letsCall = ({ effect, tools }: Rule): boolean => tools !== undefined && effect !== 'deny'
const spoken = ({ tools: _, where: __, ...rule }: Rule): Rule => ({ ...rule, effect: 'allow' })

/** A client of an MCP server that listens for what it says, or ends its session. */
const isListening = ({ method, headers }: AskedRequest): boolean =>
  method === 'GET'
    ? headers.some(([name, value]) => name === 'accept' && value.includes('text/event-stream'))
    : method === 'DELETE' && headers.some(([name]) => name === 'mcp-session-id')

/** Where a client of the provider gets its tokens nothing is injected, whatever host fits and however the path is spelt (V62). */
export const isOwnEndpoint = (
  { definition: { oauth }, params }: Pick<ViewConnection, 'definition' | 'params'>,
  { host }: Pick<AskedRequest, 'host'>,
  { plain, decoded }: ReadPath,
): boolean =>
  [oauth?.authorization_url, oauth?.token_url, oauth?.device_url, oauth?.revocation?.url].some((text) => {
    const filled = text === undefined ? '' : fillUrl(text, params)
    const url = readUrl(filled)
    return url !== null && url.hostname === host && [plain, decoded].some((segments) => `/${segments.join('/')}` === url.pathname)
  })

const fitsEither = (pattern: string, { plain, decoded }: ReadPath): boolean => {
  const path = parsePathPattern(pattern)
  return path !== null && (pathFits(path, plain) || pathFits(path, decoded))
}

export const isMinting = ({ minting = [] }: Definition, { method }: Pick<AskedRequest, 'method'>, path: ReadPath): boolean =>
  minting.some(
    ({ methods, paths }) => (methods.includes('*') || methods.includes(method)) && paths.some((one) => fitsEither(one, path)),
  )

const isMcp = ({ mcp }: Definition, path: ReadPath): boolean => mcp?.paths.some((one) => fitsEither(one, path)) === true

function seenOf(request: AskedRequest): Seen {
  const { scheme, host, port, method, path, query, headers, upgrade, clientAddress } = request
  return {
    ...{ scheme, host, port, method, path, query, headers, clientAddress },
    ...(upgrade === undefined ? {} : { upgrade }),
    ...{ bodyBytes: lengthOf(request), inspected: false, content: null, partial: false },
  }
}

function lengthOf({ headers }: AskedRequest): number | null {
  const text = headers.find(([name]) => name === 'content-length')?.[1]
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null
}

const contextReads = (sets: Sets, at: Date) =>
  sets.live(at).all.flatMap((policy) => [...policy.reads.all.values()].filter(({ variable }) => variable === 'context'))

const readingContent = new WeakMap<object, boolean>()

/** Asked of every request, and the same as long as the set is. */
function readsContent(sets: Sets, at: Date): boolean {
  const live = sets.live(at)
  const known = readingContent.get(live)
  if (known !== undefined) return known
  const does =
    live.all.some((policy) => policy.reads.everything) || contextReads(sets, at).some(({ path }) => path[0] === 'content')
  readingContent.set(live, does)
  return does
}

/** Why a fact that a rule or a policy compares cannot be had; null: nobody needs what is missing, or it is simply not there. */
function neededButUnread({ missing }: Facts, rules: readonly Rule[], sets: Sets, at: Date): Reason | null {
  const unread = [...missing].filter(([, why]) => why !== 'absent')
  if (unread.length === 0) return null
  const byRules = new Set(rules.flatMap((rule) => (rule.where ?? []).map((where) => where.fact)))
  const byPolicies = contextReads(sets, at).filter(({ path }) => path[0] === 'facts')
  const readsAll = sets.live(at).all.some((policy) => policy.reads.everything)
  for (const [name, why] of unread)
    if (readsAll || byRules.has(name) || byPolicies.some(({ path }) => path.length === 1 || path[1] === name))
      return why === 'too_large' ? 'body_too_large_to_inspect' : 'body_ambiguous'
  return null
}
