// Who may do what, as data (P60): the table of the platform page, with the rows of tasks. Capability rooms add their rows here, nowhere else.
// Opens nothing and reads no row: what is own, assigned or eligible is the verb's question, once `reach` has said `own`.
import { Problem } from '@countersign/sdk'
import type { KeyKind } from '../crypto/token.ts'
import type { Guest, Role, Scope } from '../db/scope.ts'

/** any: everything of that kind in the tenant. own: own, assigned, or of own agents. none: not at all. */
export type Reach = 'any' | 'own' | 'none'

/** A scope made from a key. The maker's role at this moment bounds what the key can (P56). */
export type KeyScope = Scope & { readonly keyKind: KeyKind; readonly makerRole: Role | null }

// Highest first; nobody grants above themselves (P62).
export const ROLES = ['owner', 'admin', 'operator', 'member', 'reviewer', 'auditor', 'viewer'] as const satisfies readonly Role[]
export const rank = (role: Role): number => ROLES.length - ROLES.indexOf(role)

// ● any in the tenant, ○ own, – no; behind the bar: host, agent key. † needs a fresh proof of presence from a session (P29).
//                                       owner … viewer │ host agent
export const MATRIX = {
  'tenant.read': /*                   */ '● ● ● ● ○ ● ● │ – –',
  'tenant.update': /*                 */ '● ● – – – – – │ – – †',
  'tenant.transfer': /*               */ '● – – – – – – │ – – †',
  'tenant.close': /*                  */ '● – – – – – – │ – – †',
  'tenant.create': /*                 */ '– – – – – – – │ ● – †',
  'tenant.list': /*                   */ '– – – – – – – │ ● –',
  'tenant.suspend': /*                */ '– – – – – – – │ ● – †',
  'user.list': /*                     */ '● ● ● ○ – ● – │ – –',
  'user.invite': /*                   */ '● ● – – – – – │ – – †',
  'user.remove': /*                   */ '● ● – – – – – │ – – †',
  'user.reset': /*                    */ '● ● – – – – – │ – – †',
  // To or from admin and owner is the owner's alone: the verb guards that (P62).
  'role.change': /*                   */ '● ● – – – – – │ – – †',
  'directory.manage': /*              */ '● ● – – – – – │ – – †',
  'sink.manage': /*                   */ '● ● – – – – – │ – – †',
  'session.list': /*                  */ '● ● ○ ○ ○ ○ ○ │ – –',
  'session.revoke': /*                */ '● ● ○ ○ ○ ○ ○ │ – –',
  'agent.read': /*                    */ '● ● ● ○ – ● ● │ – ○',
  'agent.create': /*                  */ '● ● ● ○ – – – │ – –',
  'agent.update': /*                  */ '● ● ● ○ – – – │ – –',
  'agent.revoke': /*                  */ '● ● ● ○ – – – │ – –',
  'key.read': /*                      */ '● ● ● ○ ○ ● – │ – –',
  'key.create': /*                    */ '● ● ● ○ – – – │ – – †',
  'key.rotate': /*                    */ '● ● ● ○ – – – │ – – †',
  'key.revoke': /*                    */ '● ● ● ○ ○ – – │ – –',
  'policy.read': /*                   */ '● ● ● – – ● – │ – –',
  'policy.dry_run': /*                */ '● ● ● – – ● – │ – –',
  'policy.write': /*                  */ '● ● – – – – – │ – – †',
  'policy.activate': /*               */ '● ● – – – – – │ – – †',
  'task.create': /*                   */ '● ● ● ○ – – – │ – ○',
  // Without content auditors and viewers read too; who sees content is the row `task.content`.
  'task.list': /*                     */ '● ● ● ○ ○ ● ● │ – ○',
  'task.read': /*                     */ '● ● ● ○ ○ ● ● │ – ○',
  'task.stats': /*                    */ '● ● ● ○ ○ ● ● │ – ○',
  'task.content': /*                  */ '● ● ● ○ ○ – – │ – ○',
  'task.poll': /*                     */ '● ● ● ○ ○ – – │ – ○',
  'task.stream': /*                   */ '● ● ● ○ ○ – – │ – ○',
  'task.reveal': /*                   */ '● ● ● ○ ○ – – │ – –',
  'task.claim': /*                    */ '● ● ● ○ ○ – – │ – –',
  'task.release': /*                  */ '● ● ● ○ ○ – – │ – –',
  'task.decide': /*                   */ '● ● ● ○ ○ – – │ – –',
  // A key with the scope of this name, which only owners and admins give, relays what people decided; the verb refuses what its own side asked (T19).
  'task.decide_for': /*               */ '● ● – – – – – │ – ●',
  'task.withdraw_vote': /*            */ '● ● ● ○ ○ – – │ – –',
  'task.send_back': /*                */ '● ● ● ○ ○ – – │ – –',
  'task.reassign': /*                 */ '● ● ● ○ ○ – – │ – –',
  'task.comment': /*                  */ '● ● ● ○ ○ – – │ – ○',
  'task.revise': /*                   */ '– – – – – – – │ – ○',
  'task.verify': /*                   */ '– – – – – – – │ – ○',
  'task.report_outcome': /*           */ '– – – – – – – │ – ○',
  'task.cancel': /*                   */ '● ● ● ○ – – – │ – ○',
  'task.update': /*                   */ '● ● ● ○ – – – │ – ○',
  'task.extend': /*                   */ '● ● ● ○ – – – │ – ○',
  'task.override': /*                 */ '● ● ● – – – – │ – –',
  'task.timeline': /*                 */ '● ● ● ○ ○ ● ● │ – ○',
  'task.audit': /*                    */ '● ● ● – – ● – │ – –',
  'task.receipt': /*                  */ '● ● ● ○ ○ ● – │ – ○',
  'task.export': /*                   */ '● ● ● – – ● – │ – ○',
  'task.delete': /*                   */ '● ● ● – – – – │ – –',
  'task.embed': /*                    */ '● ● – – – – – │ – ○',
  'task.configure': /*                */ '● ● – – – – – │ – – †',
  'task.route': /*                    */ '● ● ● – – – – │ – –',
  'job.read': /*                      */ '● ● ● ○ – ● ● │ – ○',
  'job.enqueue': /*                   */ '● ● ● ○ – – – │ – ○',
  'job.retry': /*                     */ '● ● ● ○ – – – │ – ○',
  'job.cancel': /*                    */ '● ● ● ○ – – – │ – ○',
  'job.reschedule': /*                */ '● ● ● – – – – │ – –',
  'callback.settle': /*               */ '● ● ● – – – – │ – –',
  'dead_letter.retry': /*             */ '● ● ● – – – – │ – –',
  'dead_letter.purge': /*             */ '● ● ● – – – – │ – –',
  'batch.submit': /*                  */ '● ● ● – – – – │ – –',
  'schedule.manage': /*               */ '● ● ● – – – – │ – –',
  'queue.read': /*                    */ '● ● ● ○ – ● ● │ – ○',
  'queue.pause': /*                   */ '● ● ● – – – – │ – –',
  'queue.resume': /*                  */ '● ● ● – – – – │ – –',
  'queue.drain': /*                   */ '● ● ● – – – – │ – –',
  'queue.override': /*                */ '● ● – – – – – │ – –',
  'worker.stop': /*                   */ '● ● – – – – – │ – –',
  'maintenance.tick': /*              */ '● ● – – – – – │ – –',
  'provider.propose': /*              */ '● ● – – – – – │ – –',
  'provider.manage': /*               */ '● ● – – – – – │ – – †',
  'connection.read': /*               */ '● ● ● ○ – ● – │ – ○',
  'connection.create': /*             */ '● ● ● ○ – – – │ – ○',
  'connection.delete': /*             */ '● ● ● ○ – – – │ – –',
  'connection.update': /*             */ '● ● ● ○ – – – │ – –',
  'connection.reveal': /*             */ '– – – – – – – │ – –',
  'connection.export': /*             */ '● ● – ○ – – – │ – – †',
  'grant.read': /*                    */ '● ● ● ○ – ● – │ – ○',
  'grant.create': /*                  */ '● ● ● ○ – – – │ – ○',
  'grant.decide': /*                  */ '● ● ● ○ – – – │ – –',
  'grant.revoke': /*                  */ '● ● ● ○ – – – │ – –',
  'run.create': /*                    */ '● ● ● ○ – – – │ – ○',
  'run.end': /*                       */ '● ● ● ○ – – – │ – ○',
  'run.read': /*                      */ '● ● ● ○ – ● – │ – ○',
  'proxy.read': /*                    */ '● ● ● ○ – ● – │ – ○',
  'vault.read': /*                    */ '● ● ● – – ● – │ – –',
  'vault.verify': /*                  */ '● ● – – – – – │ – – †',
  // Of one's own tenant; of all of them it is the row of the key ring.
  'vault.rotate': /*                  */ '● ● – – – – – │ – – †',
  'card.read': /*                     */ '● ● ● ○ – ● ● │ – ○',
  'card.publish': /*                  */ '● ● ● ○ – – – │ – ○',
  'card.submit': /*                   */ '● ● ● ○ – – – │ – ○',
  // Of the people whom the review tenant asks, and never of the submitter’s side; the verb guards that.
  'card.review': /*                   */ '● ● ● ○ ○ – – │ ● –',
  'card_key.rotate': /*               */ '● ● – – – – – │ – – †',
  'connection_request.read': /*       */ '● ● ● ○ – ● ● │ – ○',
  'connection_request.create': /*     */ '● ● ● ○ – – – │ – ○',
  'connection_request.decide': /*     */ '● ● ● ○ – – – │ – –',
  'relay_grant.read': /*              */ '● ● ● ○ – ● ● │ – ○',
  'relay_grant.create': /*            */ '● ● ● ○ – – – │ – – †',
  'relay_grant.update': /*            */ '● ● ● ○ – – – │ – –',
  'relay_grant.rotate': /*            */ '● ● ● ○ – – – │ – ○',
  'relay_grant.revoke': /*            */ '● ● ● ○ – – – │ – ○',
  'thread.list': /*                   */ '● ● ● ○ – ● ● │ – ○',
  'thread.read': /*                   */ '● ● ● ○ – – – │ – ○',
  'thread.start': /*                  */ '● ● ● ○ – – – │ – ○',
  'thread.send': /*                   */ '● ● ● ○ – – – │ – ○',
  'thread.respond': /*                */ '● ● ● ○ – – – │ – ○',
  'thread.serve': /*                  */ '● ● ● ○ – – – │ – ○',
  'thread.close': /*                  */ '● ● ● ○ – – – │ – ○',
  'thread.mint': /*                   */ '● ● ● ○ – – – │ – ○',
  'thread.subscribe': /*              */ '● ● ● ○ – – – │ – ○',
  'thread.export': /*                 */ '● ● – – – – – │ – – †',
  'thread.erase': /*                  */ '● ● – – – – – │ – – †',
  'contact.read': /*                  */ '● ● ● ○ – ● ● │ – ○',
  'contact.update': /*                */ '● ● ● ○ – – – │ – ○',
  'block.manage': /*                  */ '● ● – – – – – │ – –',
  'endpoint.read': /*                 */ '● ● ● – – ● ● │ – –',
  'delivery.read': /*                 */ '● ● ● – – ● ● │ – –',
  'endpoint.create': /*               */ '● ● ● – – – – │ – –',
  'endpoint.update': /*               */ '● ● ● – – – – │ – –',
  'endpoint.pause': /*                */ '● ● ● – – – – │ – –',
  'endpoint.test': /*                 */ '● ● ● – – – – │ – –',
  'endpoint.rotate': /*               */ '● ● – – – – – │ – – †',
  'endpoint.delete': /*               */ '● ● – – – – – │ – – †',
  'delivery.replay': /*               */ '● ● ● – – – – │ – –',
  'delivery.cancel': /*               */ '● ● ● – – – – │ – –',
  'delivery.skip': /*                 */ '● ● ● – – – – │ – –',
  'event.list': /*                    */ '● ● ● – – ● – │ – –',
  'audit.export': /*                  */ '● ● – – – ● – │ – –',
  'audit.verify': /*                  */ '● ● – – – ● – │ – –',
  'checkpoint.read': /*               */ '● ● – – – ● – │ – –',
  'export.create': /*                 */ '● ● – – – – – │ – – †',
  'erasure.plan': /*                  */ '● ● – – – – – │ – –',
  'erasure.confirm': /*               */ '● – – – – – – │ – – †',
  'hold.set': /*                      */ '● – – – – – – │ – – †',
  'account.export': /*                */ '○ ○ ○ ○ ○ ○ ○ │ ○ – †',
  'account.erase': /*                 */ '○ ○ ○ ○ ○ ○ ○ │ ○ – †',
  'keyring.read': /*                  */ '– – – – – – – │ ● –',
  'keyring.rotate': /*                */ '– – – – – – – │ ● – †',
  'egress.allow': /*                  */ '– – – – – – – │ ● – †',
  'node.manage': /*                   */ '– – – – – – – │ ● – †',
  'limit.override': /*                */ '– – – – – – – │ ● – †',
  'incident.manage': /*               */ '– – – – – – – │ ● – †',
  'drill.report': /*                  */ '– – – – – – – │ ● – †',
  'break_glass.request': /*           */ '– – – – – – – │ ● – †',
  'break_glass.list': /*              */ '– – – – – – – │ ● –',
  // To shut a door at once nobody has to prove anything first.
  'break_glass.end': /*               */ '● ● – – – – – │ – –',
} as const satisfies Record<string, string>

export type Action = keyof typeof MATRIX
export const ACTIONS = Object.keys(MATRIX) as Action[]
export const isAction = (text: string): text is Action => Object.hasOwn(MATRIX, text)

/** No agent and no key without a named human behind it does these, whatever its scopes say (P63, T19). */
const ACTS_OF_PEOPLE: readonly Action[] = [
  'task.claim',
  'task.release',
  'task.decide',
  'task.withdraw_vote',
  'task.send_back',
  'task.override',
  'connection_request.decide',
  'card.review',
]

/** What a relay token is given; the words of its scopes are theirs (R26). */
const ACTS_OF_RELAY_TOKENS: readonly Action[] = ['thread.start', 'thread.send', 'thread.read', 'thread.close', 'thread.subscribe']
/** What a thread token opens on its side of its one thread (R38). */
const ACTS_OF_THREAD_TOKENS: Record<'caller' | 'owner', readonly Action[]> = {
  caller: ['thread.read', 'thread.close', 'thread.mint', 'thread.send', 'thread.subscribe'],
  owner: ['thread.read', 'thread.close', 'thread.mint', 'thread.respond'],
}
/** What anybody of another tenant does through a relay grant or request: by a key or session of their own, and by `relayScopes` that whoever let them in has narrowed to it. */
const ACTS_OF_PARTIES: readonly Action[] = [
  ...(['connection_request.read', 'connection_request.create', 'relay_grant.read', 'relay_grant.rotate'] as const),
  ...(['relay_grant.revoke', 'thread.list', 'thread.export', ...ACTS_OF_RELAY_TOKENS, 'thread.mint'] as const),
  // Upon what they are told themselves.
  ...(['delivery.read', 'delivery.replay', 'delivery.skip', 'delivery.cancel', 'endpoint.rotate', 'endpoint.test'] as const),
]

/** What somebody may do at their one task without having signed in (tasks.md §2.4); how they got in may narrow it. */
const ACTS_OF_GUESTS: readonly Action[] = [
  ...(['task.read', 'task.content', 'task.poll', 'task.stream', 'task.decide', 'task.withdraw_vote'] as const),
  ...(['task.claim', 'task.release', 'task.comment', 'task.send_back'] as const),
]

/** What a key has only by its own name; `tasks:*` never includes them, and only who configures the tenant gives them. */
export const SCOPES_BY_NAME: readonly string[] = ['tasks:decide_for', 'metrics:read']

/** What a host may do through break-glass: see what stands in the tenant, all of it, and never a stored credential (P12). */
const SEES = /\.(?:read|list|stats|content|timeline|audit|receipt)$/

const MARKS: Record<string, Reach> = { '●': 'any', '○': 'own', '–': 'none' }
const WIDTH: readonly Reach[] = ['none', 'own', 'any']
const narrower = (a: Reach, b: Reach): Reach => WIDTH[Math.min(WIDTH.indexOf(a), WIDTH.indexOf(b))] as Reach
const wider = (a: Reach, b: Reach): Reach => WIDTH[Math.max(WIDTH.indexOf(a), WIDTH.indexOf(b))] as Reach

type Row = { byRole: Record<Role, Reach>; host: Reach; agent: Reach; stepUp: boolean; ofPeople: boolean }

const ROWS = new Map<string, Row>(Object.entries(MATRIX).map(([action, line]) => [action, readRow(line)]))

function readRow(line: string): Row {
  const marks = line.split(' ').filter((mark) => mark !== '│')
  const reaches = marks.slice(0, 9).map((mark) => MARKS[mark] as Reach)
  const byRole = Object.fromEntries(ROLES.map((role, i) => [role, reaches[i]])) as Record<Role, Reach>
  return {
    byRole,
    host: reaches[7] as Reach,
    agent: reaches[8] as Reach,
    stepUp: marks[9] === '†',
    ofPeople: ROLES.some((role) => byRole[role] !== 'none'),
  }
}

function rowOf(action: string): Row {
  const row = ROWS.get(action)
  if (!row) throw new TypeError(`The action "${action}" has no row in the matrix.`)
  return row
}

export const needsStepUp = (action: string): boolean => rowOf(action).stepUp

/** Whether somebody of this role answers what they are asked. */
export const mayAnswer = (role: string | null): boolean => reachOfRole(role as Role | null, 'task.decide') !== 'none'

/** What a role reaches, before any key narrows it. */
const reachOfRole = (role: Role | null, action: string): Reach => (role ? rowOf(action).byRole[role] : 'none')

export const isKeyScope = (scope: Scope): scope is KeyScope => 'keyKind' in scope

/** How far this scope reaches with this action, now. */
export function reach(scope: Scope, action: string): Reach {
  const row = rowOf(action)
  if (scope.actor.type === 'system') return 'any'
  if (scope.guest) return isOfGuest(scope.guest, action) ? 'own' : 'none'
  if (isTokenOfRelay(scope)) return mayOfToken(scope, action) ? 'own' : 'none'
  if (scope.relayParty !== undefined) return narrower(isIn(ACTS_OF_PARTIES, action) ? 'own' : 'none', reachAtHome(scope, action))
  if (scope.breakGlass) return SEES.test(action) && row.ofPeople ? 'any' : 'none'
  return reachAtHome(scope, action)
}

/** By the role or the key, in the tenant where they count. */
function reachAtHome(scope: Scope, action: string): Reach {
  const row = rowOf(action)
  if (!isKeyScope(scope)) return wider(reachOfRole(scope.role, action), scope.isHost ? row.host : 'none')
  if (!holdsScope(scope.scopes ?? [], scopeOf(action))) return 'none'
  return narrower(reachOfKind(scope, action), reachOfMaker(scope, row))
}

const isIn = (actions: readonly string[], action: string): boolean => actions.includes(action)

/** A relay token or a thread token was shown: what they carry is all that counts. */
const isTokenOfRelay = (scope: Scope): boolean => scope.relayThread !== undefined || scope.relayScopes !== undefined

function mayOfToken({ relayThread, relaySide, relayScopes = [] }: Scope, action: string): boolean {
  if (relayThread !== undefined) return relaySide !== undefined && isIn(ACTS_OF_THREAD_TOKENS[relaySide], action)
  return neededOfRelayToken(action) !== null && relayScopes.includes(neededOfRelayToken(action) as string)
}

/** With the first answer a thread token may come (R39): whoever may read may have one. Null: no party does this. */
const neededOfRelayToken = (action: string): string | null =>
  action === 'thread.mint' ? scopeOf('thread.read') : isIn(ACTS_OF_PARTIES, action) ? scopeOf(action) : null

const isOfGuest = ({ acts }: Guest, action: string): boolean =>
  isIn(ACTS_OF_GUESTS, action) && (acts === null || acts.includes(action))

function reachOfKind(scope: KeyScope, action: string): Reach {
  // What is the agent's alone is nobody's own.
  if (scope.keyKind === 'usr') return rowOf(action).ofPeople ? 'any' : 'none'
  if (scope.keyKind === 'emb') return action === 'task.embed' ? 'own' : 'none'
  if (scope.keyKind === 'adm') return isOfPeople(action) ? 'none' : reachOfRole('admin', action)
  return rowOf(action).agent
}

// Some rows are the agent's alone (a person has no cell there); then it is enough that the maker is still here.
const reachOfMaker = ({ makerRole }: KeyScope, row: Row): Reach =>
  makerRole === null ? 'none' : row.ofPeople ? row.byRole[makerRole] : 'any'

const isOfPeople = (action: string): boolean => isIn(ACTS_OF_PEOPLE, action)

/** Throws the refusal that fits; returning means that the scope reaches at least its own. */
export function authorise(scope: Scope, action: string): void {
  if (reach(scope, action) !== 'none') return
  // Whoever relays the decisions of people calls the route of people, and the verb asks whose decision it is.
  if (action === 'task.decide' && isKeyScope(scope) && reach(scope, 'task.decide_for') !== 'none') return
  if (isTokenOfRelay(scope)) throw refusalOfToken(scope, action)
  if (isKeyScope(scope)) {
    if (scope.keyKind !== 'usr' && isOfPeople(action)) throw new Problem('agent_may_not_decide')
    const needed = scopeOf(action)
    if (!holdsScope(scope.scopes ?? [], needed)) throw new Problem('scope_missing', { needed })
  }
  throw new Problem('forbidden', { action, detail: sentenceOf(action) })
}

function refusalOfToken({ relayThread }: Scope, action: string): Problem {
  if (relayThread !== undefined)
    return Object.values(ACTS_OF_THREAD_TOKENS).some((acts) => isIn(acts, action))
      ? new Problem('not_participant', { action })
      : new Problem('forbidden', { action, detail: 'A thread token opens its side of its one thread and nothing else.' })
  const needed = neededOfRelayToken(action)
  if (needed !== null && (action === 'thread.mint' || isIn(ACTS_OF_RELAY_TOKENS, action)))
    return new Problem('scope_missing', { needed })
  return new Problem('forbidden', { action, detail: 'A relay token starts threads and follows them, and does nothing else.' })
}

/** For the reader who was refused: which roles could. */
export function sentenceOf(action: string): string {
  const { byRole, host } = rowOf(action)
  const all = ROLES.filter((role) => byRole[role] === 'any')
  const own = ROLES.filter((role) => byRole[role] === 'own')
  const parts = [
    ...(all.length > 0 ? [`the roles ${all.join(', ')}`] : []),
    ...(own.length > 0 ? [`for what is their own, ${own.join(', ')}`] : []),
    ...(host === 'any' ? ['a host of the installation'] : []),
  ]
  return parts.length > 0 ? `${action} is open to ${parts.join('; ')}.` : `${action} is open to nobody.`
}

const PLURALS: Record<string, string> = {
  directory: 'directories',
  policy: 'policies',
  delivery: 'deliveries',
  batch: 'batches',
  maintenance: 'maintenance',
  audit: 'audit',
  egress: 'egress',
  proxy: 'proxy',
  break_glass: 'break_glass',
}

/** `task.create` → `tasks:create` (P56). */
export function scopeOf(action: string): string {
  const [area, verb] = action.split('.') as [string, string]
  return `${PLURALS[area] ?? `${area}s`}:${verb}`
}

/** Whether one of these scopes is that one, or all of its kind. */
export const holdsScope = (scopes: readonly string[], needed: string): boolean =>
  scopes.includes(needed) || (scopes.includes(`${needed.split(':')[0]}:*`) && !SCOPES_BY_NAME.includes(needed))

const reachableByKeys = ACTIONS.filter(
  (action) => ROLES.some((role) => rowOf(action).byRole[role] !== 'none') || rowOf(action).agent !== 'none',
)

/** The groups of an action in policies: `role.member` holds what the matrix gives members in any reach, `role.agent` what it gives an agent's key. */
export function groupsOfAction(action: Action): string[] {
  const { byRole, host, agent } = rowOf(action)
  const roles = ROLES.filter((role) => byRole[role] !== 'none')
  return [...roles, ...(host === 'none' ? [] : ['host']), ...(agent === 'none' ? [] : ['agent'])].map((name) => `role.${name}`)
}

/** Every scope that a key may carry. */
export const KEY_SCOPES: readonly string[] = [
  ...new Set(reachableByKeys.flatMap((action) => [scopeOf(action), `${scopeOf(action).split(':')[0]}:*`])),
  ...SCOPES_BY_NAME,
].sort()

/** The actions that a scope text stands for; none for those that name no row. */
export const actionsOfScope = (scope: string): Action[] => ACTIONS.filter((action) => holdsScope([scope], scopeOf(action)))
