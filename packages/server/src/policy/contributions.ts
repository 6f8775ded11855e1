// What the rooms add to the schema of policies, one contribution each: what an act that they have judged says about itself.
// The facts of proxied requests are the one part that differs by tenant: they are generated from the definitions that it has in force (vault.md V17).
import type { Contribution } from './schema.ts'

/** Jobs: a kind is what is run, a queue where it waits. `content` is text of whoever asks. */
const jobs: Contribution = {
  types: 'entity Kind in [Tenant];',
  declares: ['Kind'],
  actions: {
    'job.enqueue': `{ principal: [User, Agent, Key], resource: [Kind], context: {
  queue: String, priority: Long, tags: Set<String>, delayed: Bool, payload_bytes: Long, body_sha256: String,
  content?: String, ip?: ipaddr, now: Now } }`,
    // A finished job that runs again may be given another payload: then it is as new.
    'job.retry': `{ principal: [User, Agent, Key], resource: [Job], context: {
  kind: String, queue: String, changed: Bool, body_sha256: String, content?: String, ip?: ipaddr, now: Now } }`,
  },
}

/** Questions to people. A task that does not exist yet is judged on its tenant. */
const tasks: Contribution = {
  types: '',
  declares: [],
  actions: {
    'task.create': `{ principal: [User, Agent, Key], resource: [Tenant], context: {
  risk: String, priority: String, tags: Set<String>, assigned: String, redact: String, callback: Bool, size_bytes: Long,
  action?: { name: String, edited: Bool, amount?: Long }, content?: String, ip?: ipaddr, now: Now } }`,
    // Who decides is a person: `principal` is never who relays it. `assurance.level` goes from 1, a link, to 5, a passkey, so that a forbid can be a floor.
    'task.decide': `{ principal: [User, Guest, Agent, Key], resource: [Task], context: {
  type: String, origin: String, risk: String, priority: String, tags: Set<String>, agent?: Agent, channel: String,
  assurance: { name: String, level: Long }, guest: Bool, relayed: Bool, stepped_in: Bool,
  action?: { name: String, edited: Bool, amount?: Long }, content?: String, ip?: ipaddr, now: Now } }`,
    'task.notify': `{ principal: [User, Agent, Key], resource: [Tenant], context: {
  channel: String, domain: String, own_domain: Bool, development: Bool, ip?: ipaddr, now: Now } }`,
  },
}

export type FactType = 'long' | 'string' | 'bool'
/** The facts that policies of a tenant may read, by name. */
export type FactTypes = Readonly<Record<string, FactType>>

/** What every tenant may name, whichever providers it has. */
export const GROUND_FACTS: FactTypes = { amount: 'long' }

const OF_CEDAR: Readonly<Record<FactType, string>> = { long: 'Long', string: 'String', bool: 'Bool' }

/** The members of `Facts`; the same text for the same facts, in whatever order they were met. */
export const factsText = (facts: FactTypes): string =>
  Object.entries({ ...facts, ...GROUND_FACTS })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    // A name may be a word of the language: quoted, it is a name all the same.
    .map(([name, type]) => `${JSON.stringify(name)}?: ${OF_CEDAR[type]}`)
    .join(', ')

/** vault.md V17, word for word where it names them. */
const vaultWith = (facts: string): Contribution => ({
  types: `entity Provider in [Tenant] { name: String, kind: String, bundled: Bool };
entity Connection in [Tenant, Provider] { name: String, labels: Set<String>, shared: Bool, status: String, owner?: User };
entity Host in [Tenant] { name: String };
type Run = { id: String, labels: Set<String>, minutes: Long, proof: String };
type Target = { scheme: String, host: String, port: Long, method: String, path: String, query_names: Set<String>,
  content_type?: String, body_bytes?: Long, body_inspected: Bool, upgrade?: String };
type Use = { id: String, mode: String, seconds_left: Long };
type Facts = { ${facts} };`,
  declares: ['Provider', 'Connection', 'Host'],
  actions: {
    'proxy.request': `{ principal: [Agent], resource: [Connection], context:
  { run: Run, target: Target, grant: Use, minting: Bool, facts: Facts, content?: String, ip: ipaddr, now: Now } }`,
    'proxy.tool': `{ principal: [Agent], resource: [Connection], context:
  { run: Run, target: Target, grant: Use, rpc_method: String, tool: String, argument_bytes: Long, facts: Facts, content?: String, ip: ipaddr, now: Now } }`,
    'proxy.pass': `{ principal: [Agent], resource: [Host], context:
  { run: Run, target: Target, intercepted: Bool, mode: String, ip: ipaddr, now: Now } }`,
    ...Object.fromEntries(
      ['connection.create', 'connection.delete', 'grant.create', 'grant.revoke'].map((action) => [
        action,
        `{ principal: [User, Agent, Key], resource: [Provider, Connection], context: { method?: String, scopes?: Set<String>, ip: ipaddr, now: Now } }`,
      ]),
    ),
    ...Object.fromEntries(
      ['connection.export', 'provider.manage'].map((action) => [
        action,
        `{ principal: [User], resource: [Provider, Connection], context: { fields?: Set<String>, ip: ipaddr, now: Now } }`,
      ]),
    ),
  },
})

/** relay.md R72, R73. */
const MESSAGE = `{ direction: String, face: String, first: Bool, skill: String, part_kinds: Set<String>, media_types: Set<String>,
  size_bytes: Long, sequence: Long, encrypted: Bool, payload_hash: String, facts: Facts, content?: String,
  relay_grant?: { id: String, state: String, age_days: Long, scopes: Set<String>, open_threads: Long, messages_today: Long, sandbox: Bool },
  peer?: { tenant: String, agent: String, domains: Set<String>, card_signed: Bool, account_age_days: Long, external: Bool },
  delivery?: { mode: String, host: String }, endpoint?: { host: String }, ip?: ipaddr, now: Now }`

/** What is done to a card or a thread and carries no message (R72). */
const AROUND = (more: string) => `{ direction?: String, ${more}, ip?: ipaddr, now: Now }`

const relay: Contribution = {
  types: '',
  declares: [],
  actions: {
    'connection_request.create': `{ principal: [User, Agent, Key], resource: [Card], context: ${MESSAGE} }`,
    'thread.start': `{ principal: [User, Agent, Key], resource: [Card], context: ${MESSAGE} }`,
    'thread.send': `{ principal: [User, Agent, Key], resource: [Thread], context: ${MESSAGE} }`,
    'thread.respond': `{ principal: [User, Agent, Key], resource: [Thread], context: ${MESSAGE} }`,
    'card.publish': `{ principal: [User, Agent, Key], resource: [Card], context: ${AROUND('act?: String, visibility?: String, body_sha256?: String, delivery?: { mode: String, host?: String }')} }`,
    // What is agreed to is exactly what was sent.
    ...Object.fromEntries(
      ['relay_grant.create', 'relay_grant.update', 'relay_grant.rotate', 'relay_grant.revoke'].map((action) => [
        action,
        `{ principal: [User, Agent, Key], resource: [RelayGrant], context: ${AROUND('body_sha256: String')} }`,
      ]),
    ),
    'thread.subscribe': `{ principal: [User, Agent, Key], resource: [Thread], context: ${AROUND('endpoint?: { host: String }')} }`,
  },
}

/** Of a tenant with these facts, as `factsText` writes them. */
export const contributionsWith = (facts: string): readonly Contribution[] => [jobs, tasks, vaultWith(facts), relay]
