// The rooms of the product, each with the house it asks for, and the way in which all of them end. The only file that knows every room.
import {
  CALLBACK_PREFIX,
  callbackUrl,
  createQueue,
  type Kind,
  prometheusMeter,
  type Queue,
  type Receiver,
} from '@countersign/queue'
import type { Keyring } from '../crypto/keyring.ts'
import { openRunner } from '../db/runner.ts'
import type { Scope } from '../db/scope.ts'
import type { Db } from '../db/tx.ts'
import { type Door, openDoor } from '../egress/fetch.ts'
import { checkUrl, openGuard } from '../egress/guard.ts'
import type { AuditHouse } from '../events/audit/house.ts'
import { auditJobs, auditSchedules } from '../events/audit/jobs.ts'
import { auditRoutes, wellKnownRoutes } from '../events/audit/routes.ts'
import { eventRoutes } from '../events/routes.ts'
import type { Limits } from '../http/limit.ts'
import { openReplies } from '../http/reply.ts'
import type { Route } from '../http/route.ts'
import { childBearers, endLeakedChild } from '../identity/children/child.ts'
import { clientOf } from '../identity/children/client.ts'
import { readAllows } from '../identity/egress/allow.ts'
import { egressRoutes } from '../identity/egress/routes.ts'
import type { IdentityHouse } from '../identity/house.ts'
import { identityJobs, identitySchedules } from '../identity/jobs.ts'
import { keyringJobs, keyringSchedules } from '../identity/keys-at-rest/jobs.ts'
import type { Ring } from '../identity/keys-at-rest/root/ring.ts'
import type { KeyringHouse } from '../identity/keys-at-rest/root/root-key.ts'
import { keyringRoutes } from '../identity/keys-at-rest/routes.ts'
import { openPasswords, type PasswordCost } from '../identity/password.ts'
import type { Continuation } from '../identity/policies/countersign.ts'
import { type FactsOf, openPolicies } from '../identity/policies/judge.ts'
import { policyRoutes } from '../identity/policies/routes.ts'
import { guardrailsText } from '../identity/policies/starting.ts'
import { principalRoutes } from '../identity/principal/routes.ts'
import { identityRoutes } from '../identity/routes.ts'
import type { BreakGlassHouse } from '../identity/tenants/break-glass.ts'
import { openCompat, openHolds } from '../identity/tenants/held.ts'
import { tenantJobs } from '../identity/tenants/jobs.ts'
import { tenantRoutes } from '../identity/tenants/routes.ts'
import { ROUTING_QUEUE } from '../identity/user.ts'
import { jobContinuations } from '../jobs/continuations.ts'
import type { JobsHouse } from '../jobs/house.ts'
import { httpKinds } from '../jobs/http-worker.ts'
import { openCallbackKeys, openCallbackReceiver, receiverRoutes } from '../jobs/receiver.ts'
import { jobsRoutes } from '../jobs/routes.ts'
import type { McpHouse } from '../mcp/house.ts'
import { jobTools } from '../mcp/jobs.ts'
import { relayTools } from '../mcp/relay.ts'
import { relayServeTools } from '../mcp/relay-serve.ts'
import { mcpRoutes } from '../mcp/routes.ts'
import { taskTools } from '../mcp/tasks.ts'
import { draftRoutes } from '../proxy/drafts/routes.ts'
import { nodeRoutes } from '../proxy/enrol/routes.ts'
import { explainRoutes } from '../proxy/explain/routes.ts'
import type { GateHouse } from '../proxy/gate/house.ts'
import { holdActs } from '../proxy/holds/acts.ts'
import { endHoldsOfRun } from '../proxy/holds/end.ts'
import { holdJobs, holdSchedules } from '../proxy/holds/jobs.ts'
import { holdRoutes } from '../proxy/holds/routes.ts'
import { watchHolds } from '../proxy/holds/watch.ts'
import { requestRoutes } from '../proxy/requests/routes.ts'
import type { A2aHouse } from '../relay/a2a/house.ts'
import { a2aRoutes } from '../relay/a2a/routes.ts'
import { messageActs } from '../relay/asks/acts.ts'
import { relayActs } from '../relay/asks.ts'
import { relayBearers } from '../relay/bearers.ts'
import { factsOfCards } from '../relay/cards/fact-types.ts'
import { republishAll } from '../relay/cards/publish.ts'
import { followDeliveries } from '../relay/delivery/dispatch.ts'
import type { DeliveryHouse } from '../relay/delivery/house.ts'
import { deliveryJobs } from '../relay/delivery/jobs.ts'
import { deliveryHooks } from '../relay/delivery/push.ts'
import { cardDeliveryRoutes } from '../relay/delivery/routes.ts'
import { HELD_CALLS, QUEUE as RELAY_CALLS } from '../relay/delivery/upstream/jobs.ts'
import { openRunCall } from '../relay/delivery/upstream/run.ts'
import { followEndpoints } from '../relay/endpoints/tell.ts'
import { endLeaked } from '../relay/grants/held.ts'
import type { RelayHouse } from '../relay/house.ts'
import { relayJobs, relaySchedules } from '../relay/jobs.ts'
import { reviewActs } from '../relay/listing/review.ts'
import { oauthRootRoutes, oauthRoutes } from '../relay/oauth/routes.ts'
import type { OauthHouse } from '../relay/oauth/token.ts'
import { requestActs } from '../relay/requests/settle.ts'
import { relayRootRoutes, relayRoutes } from '../relay/routes.ts'
import { startSandbox } from '../relay/sandbox/answerer.ts'
import { ensureSandbox } from '../relay/sandbox/card.ts'
import { type Tried, tryAgent } from '../relay/sandbox/try.ts'
import { type StarterHouse, starterRoutes } from '../relay/starter/routes.ts'
import { relayProbe } from '../relay/status/probe.ts'
import { endLeakedLine } from '../relay/threads/token.ts'
import { openThreadWaits } from '../relay/threads/wait.ts'
import { statusJobs, statusSchedules } from '../status/jobs.ts'
import { incidentRoutes, type StatusHouse, statusRoutes } from '../status/routes.ts'
import type { Log } from '../std/log.ts'
import type { HeldActs } from '../tasks/asks/held.ts'
import { openQuestions } from '../tasks/break-glass.ts'
import { callbackSecret, renderCallback, tellOfCallback } from '../tasks/callback.ts'
import type { Channel, ChannelName } from '../tasks/channels/channel.ts'
import { emailJobs } from '../tasks/channels/email/jobs.ts'
import { writeExhausted, writeInvitation } from '../tasks/channels/email/letter.ts'
import { emailRoutes } from '../tasks/channels/email/routes.ts'
import { slackJobs } from '../tasks/channels/slack/jobs.ts'
import { slackRoutes } from '../tasks/channels/slack/routes.ts'
import { webhookChannelRoutes } from '../tasks/channels/webhook/routes.ts'
import { compatibleRoutes, taskRedirect } from '../tasks/compatible.ts'
import { openCountersign } from '../tasks/countersign.ts'
import { embedBearer } from '../tasks/embed/bearer.ts'
import { type EmbedPageHouse, embedPageRoute } from '../tasks/embed/page.ts'
import { embedRoutes } from '../tasks/embed/routes.ts'
import { openForms } from '../tasks/forms/answer.ts'
import { formRoutes } from '../tasks/forms/stored/routes.ts'
import { openProposals } from '../tasks/grant-proposals.ts'
import type { TasksHouse } from '../tasks/house.ts'
import { taskJobs, taskSchedules } from '../tasks/jobs.ts'
import { linkRoutes } from '../tasks/links/routes.ts'
import { taskRoutes } from '../tasks/routes.ts'
import { ROUTING_JOBS } from '../tasks/routing/jobs.ts'
import { QUEUE as VERIFIERS } from '../tasks/verifiers/hand.ts'
import { HELD_VERIFICATIONS } from '../tasks/verifiers/jobs.ts'
import { openWaits } from '../tasks/wait.ts'
import { openWaitSlots } from '../tasks/wait-slots.ts'
import { authorizationJobs } from '../vault/authorizations/jobs.ts'
import { authorizationRoutes, connectRoutes } from '../vault/authorizations/routes.ts'
import { bundle } from '../vault/bundle/bundle.ts'
import type { VaultHouse } from '../vault/house.ts'
import { vaultJobs, vaultSchedules } from '../vault/jobs.ts'
import { factsOfTenant } from '../vault/providers/facts.ts'
import { refreshJobs, refreshSchedules } from '../vault/refresh/jobs.ts'
import { revocationJobs } from '../vault/revocation/jobs.ts'
import { revocationRoutes } from '../vault/revocation/routes.ts'
import { vaultRoutes } from '../vault/routes.ts'
import { runBearers } from '../vault/runs/self.ts'
import { openBound } from '../webhooks/bound/bound.ts'
import { relayKeysRoute } from '../webhooks/bound/routes.ts'
import { deliverCallbacks } from '../webhooks/callback.ts'
import { deliveryRoutes } from '../webhooks/deliveries/routes.ts'
import { endpointRoutes, webhookKeyRoute } from '../webhooks/endpoints/routes.ts'
import { openFanOut } from '../webhooks/fan-out.ts'
import type { WebhooksHouse } from '../webhooks/house.ts'
import { webhookJobs, webhookSchedules } from '../webhooks/jobs.ts'
import { HELD_JOBS, openDeliver } from '../webhooks/sending/deliver.ts'
import { HELD_OFFERED } from '../webhooks/sending/offered.ts'
import { OFFERED_QUEUE, QUEUE as WEBHOOKS } from '../webhooks/sending/sql.ts'
import { auditHouse, witnessOf } from './audit.ts'
import { type Channels, openChannels } from './channels.ts'
import type { Config } from './config.ts'
import { proxyProbe } from './node/probe.ts'
import { readPinnedKeys } from './pinned-keys.ts'
import { proxyOf } from './proxy.ts'
import { replySealing } from './sealing.ts'
import { openStatus, type Status } from './status.ts'
import { openCredentials, openNaming } from './upstream-credentials.ts'

export type Ground = {
  config: Config
  db: Db
  keyring: Keyring
  ring: Ring
  limits: Limits
  log: Log
  version: string
  /** Where people reach this server; known once it listens. */
  origin(): string
  passwordCost?: PasswordCost
  /** true: receivers on this machine are reached, for `countersign dev` (T67). */
  loopback?: boolean
  /** The dashboard's page for embeds, as it was built; null where none is served. */
  embedPage: string | null
  /** The bytes that /openapi.json answers. */
  openApi(): Promise<string>
  /** A migration made this version too old for its queue (Q144). */
  outdated(error: unknown): void
}

export type Rooms = {
  identity: IdentityHouse
  audit: AuditHouse
  queue: Queue
  routes: Route[]
  rootRoutes: Route[]
  status: Status
  channels: Channels
  webhooks: WebhooksHouse
  /** What the verbs of the gate need. */
  gate: GateHouse
  /** Whether answers to this scope have names of ForAgent beside ours (relay.md R55). */
  compat(scope: Scope): Promise<boolean>
  /** Before this process says that it is ready (relay.md R17). */
  republishCards(): Promise<number>
  /** Once it is known where this server is: the sandbox is there, and this process answers for it where it does such work (relay.md R3). */
  openSandbox(): Promise<void>
  /** A relay grant to try something out with, for somebody who starts the server rather than signing in. */
  tryAgent(scope: Scope): Promise<Tried>
  /** After the listener: running jobs end or are handed back, then what the rooms hold open is closed. */
  close(): Promise<void>
}

const JOBS_AT_ONCE = 16
/** Of what the relay accepts, without the queue; what is beyond waits for its job. */
const RUNS = { most: 256, mostOfLane: 100 }
const GRACE = '10s'

/** A fact has one type in a tenant, whether a provider of it declares it or a card; where both do, whoever came second was refused. */
const factsOf: FactsOf = async (t, scope) => ({ ...(await factsOfCards(t, scope)), ...(await factsOfTenant(t, scope)) })

export function openRooms(ground: Ground): Rooms {
  const { config, db, keyring, log, origin } = ground
  const passwords = openPasswords({ keyring, cost: ground.passwordCost })
  const identity: IdentityHouse = {
    ...{ db, keyring, origin, passwords, agentProof: config.agentProof },
    bearers: [embedBearer({ db }), ...runBearers({ db }), ...relayBearers({ db }), ...childBearers({ db })],
  }
  const door = openDoor({
    guard: guardOf(ground),
    installation: keyring.installation,
    version: ground.version,
    log,
    proxy: proxyOf(config),
  })
  const audit = auditHouse(ground)
  const forms = openForms()
  const slots = openWaitSlots(ground.limits, db.clock)
  const policies = openPolicies(guardrailsText(config.policyGuardrailsFile), factsOf)
  const byName = new Map<ChannelName, Channel>()
  const continuations = new Map<string, Continuation>()
  const held = new Map<string, HeldActs>()
  const runEnds: VaultHouse['runEnds'][number][] = []
  const tasks: TasksHouse = {
    db,
    policies,
    keyring,
    log,
    forms,
    slots,
    waits: openWaits(db, log),
    origin,
    deliver: deliverCallbacks,
    door,
    channels: byName,
    continuations,
    held,
    development: config.environment === 'development',
    checkUrl: (url, path, tenantId) => checkUrl(door.guard, url, path, tenantId),
  }
  const countersign = openCountersign(tasks)
  const vault: VaultHouse = {
    db,
    keyring,
    log,
    door,
    policies,
    countersign,
    origin,
    proposals: openProposals(tasks),
    proxyUrl: config.proxyUrl?.origin ?? null,
    runMaxSeconds: config.runMaxTtl,
    runEnds,
  }
  const webhooks = webhooksOf(ground, tasks, door)
  const bound = openBound(webhooks)
  const relay: RelayHouse = {
    ...{ db, keyring, log, door, policies, countersign, tasks, origin },
    cardAlgorithm: config.relayCardAlgorithm,
    reviewTenant: config.relayReviewTenant,
    requestsNeedDomain: config.relayRequestsNeedDomain,
    follows: [],
    callbacks: bound,
    waits: openThreadWaits(db, log),
  }
  held.set('relay', relayActs({ creq_: requestActs(relay), msg_: messageActs(relay), card_: reviewActs(relay) }))
  identity.leaked = [endLeaked(relay), endLeakedLine(relay), endLeakedChild({ db })]
  const gate: GateHouse = {
    vault,
    tasks,
    bundled: new Map([...bundle().byName].map(([name, { definition }]) => [name, definition])),
    leaseSeconds: config.vaultLeaseSeconds,
    inspectBody: config.proxyInspectBody,
  }
  held.set('proxy', holdActs(gate))
  runEnds.push((t, scope, runId) => endHoldsOfRun(gate, t, scope, runId))
  const runner = config.roles.includes('worker') ? openRunner({ ...RUNS, log }) : null
  const delivery: DeliveryHouse = {
    ...relay,
    deliveries: bound,
    credentialFor: openCredentials(vault),
    mayNameConnection: openNaming(vault),
    pinnedKeys: readPinnedKeys(config.relayCardKeysFile),
    runner,
    call: (...run) => runCall(...run),
  }
  webhooks.bound = deliveryHooks(delivery)
  const runCall = openRunCall(delivery)
  const deliver = openDeliver(webhooks)
  if (runner) webhooks.fast = { runner, deliver }
  relay.follows.push(followDeliveries(delivery), followEndpoints(relay))
  const channels = openChannels(config, log, tasks, webhooks)
  for (const channel of channels.all) byName.set(channel.name, channel)
  identity.invited = (t, scope, invitation) => writeInvitation(channels.email, t, scope, invitation)
  webhooks.tell = (t, scope, report) => writeExhausted(channels.email, t, scope, report)
  db.fanOut = openFanOut(origin)
  const holds = openHolds(db)
  const compat = openCompat(db)
  const ring: KeyringHouse = { db, keyring, ring: ground.ring, log }
  const breakGlass: BreakGlassHouse = { ...identity, questions: openQuestions(tasks) }
  // What runs in a tenant waits while it is not active (P11); what ends that state does not.
  const kinds = [
    ...[
      ...taskJobs(tasks),
      ...emailJobs(channels.email),
      ...slackJobs(channels.slack),
      ...webhookJobs(webhooks, deliver),
      ...identityJobs(identity),
      ...vaultJobs(vault),
      ...authorizationJobs(vault),
      ...refreshJobs(vault),
      ...revocationJobs(vault),
      ...holdJobs(gate),
      ...relayJobs(relay),
      ...deliveryJobs(delivery),
    ].map(holds.over),
    ...tenantJobs(breakGlass),
    ...statusJobs({ db, log }),
    ...keyringJobs(ring, config.erasuresFile),
    ...auditJobs(audit, witnessOf(ground, door)),
  ]
  const keys = openCallbackKeys(config.callbackKeysFile, log)
  const pause = (kind: string, url: string) => queue.pause({ kind }, { actor: `410 from ${new URL(url).host}` })
  const endpoints = httpKinds({ door, keys, now: db.clock.now, pause }, config.httpKindsFile)
  const all = [...kinds, ...endpoints.map(holds.over)]
  const meter = prometheusMeter()
  const queue: Queue = createQueue({
    database: db.pool,
    telemetry: { meter },
    listen: config.listenUrl?.reveal() ?? true,
    kinds: all,
    callbackUrl: (id) => callbackUrl(config.callbackUrl?.origin ?? origin(), CALLBACK_PREFIX, id, 'complete'),
    schedules: [
      ...identitySchedules,
      ...statusSchedules,
      ...keyringSchedules,
      ...webhookSchedules,
      ...auditSchedules,
      ...taskSchedules,
      ...vaultSchedules,
      ...refreshSchedules,
      ...holdSchedules,
      ...relaySchedules,
    ],
    clock: db.clock,
    log,
    onOutdated: ground.outdated,
  })
  if (config.roles.includes('worker'))
    queue.work({ queues: sharesOf(all), concurrency: JOBS_AT_ONCE, maintenance: false, version: ground.version })
  const watch = config.roles.includes('worker') ? watchHolds(gate) : null
  if (config.roles.includes('maintenance')) queue.maintain()
  // Rooms hand their probes in here, each with its name, its title and one sentence.
  const status = openStatus(
    ground,
    queue,
    meter,
    [relayProbe, ...(config.gateListen === null ? [] : [proxyProbe])],
    () => relay.waits.size,
  )
  const ownKinds = new Set(kinds.map(({ name }) => name))
  const jobs: JobsHouse = { db, keyring, queue, ownKinds, countersign, version: ground.version }
  for (const [action, continuation] of jobContinuations(jobs)) continuations.set(action, continuation)
  const replies = openReplies({ db, sealing: replySealing(identity) })
  const relayWaits = openWaitSlots(ground.limits, db.clock, 'relay.wait')
  const a2a: A2aHouse = { ...relay, replies, slots: relayWaits, waitSeconds: config.relayA2aWaitSeconds }
  const mcp: McpHouse = {
    db,
    tools: [...taskTools(tasks), ...relayTools(relay), ...relayServeTools(relay), ...jobTools(jobs)],
    replies,
    log,
    version: ground.version,
    origin,
    origins: config.cors?.origins ?? new Set(),
  }
  const oauth: OauthHouse = { ...relay, client: clientOf(identity) }
  let sandbox: ReturnType<typeof startSandbox> | null = null
  return {
    identity,
    audit,
    queue,
    ...listRoutes({
      identity,
      audit,
      breakGlass,
      ring,
      tasks,
      embed: { db, page: ground.embedPage },
      webhooks,
      channels,
      jobs,
      receiver: openCallbackReceiver(queue, keys, config.callbackV1, log),
      status: status.house,
      mcp,
      vault,
      gate,
      relay,
      a2a,
      oauth,
      starter: { routes: () => describeRoutes().routes, description: ground.openApi, buckets: config.limits },
      delivery,
    }),
    republishCards: () => republishAll(relay),
    async openSandbox() {
      // Nothing else waits for it: a database that takes no writes now is served all the same.
      if (config.roles.includes('web'))
        await ensureSandbox(relay).catch((error: unknown) => log.warn({ err: error }, 'the sandbox could not be made'))
      if (config.roles.includes('worker')) sandbox = startSandbox(relay)
    },
    tryAgent: (scope) => tryAgent(relay, scope, {}),
    status,
    channels,
    webhooks,
    gate,
    // The owner's tenant of what is asked about, and the asker's own.
    compat: async ({ tenantId, relayFrom }) => (await compat.has(tenantId)) || (relayFrom ? compat.has(relayFrom) : false),
    async close() {
      await sandbox?.close()
      await Promise.all([queue.close({ grace: GRACE }), runner?.close()])
      await watch?.close()
      holds.close()
      compat.close()
      await slots.close()
      await relayWaits.close()
      await forms.close()
      await door.close()
    },
  }
}

type Houses = {
  identity: IdentityHouse
  audit: AuditHouse
  breakGlass: BreakGlassHouse
  ring: KeyringHouse
  tasks: TasksHouse
  embed: EmbedPageHouse
  webhooks: WebhooksHouse
  channels: Pick<Channels, 'email' | 'slack' | 'webhook'>
  jobs: JobsHouse
  receiver: Receiver
  status: StatusHouse
  mcp: McpHouse
  vault: VaultHouse
  gate: GateHouse
  relay: RelayHouse
  a2a: A2aHouse
  oauth: OauthHouse
  starter: StarterHouse
  delivery: DeliveryHouse
}

const listRoutes = ({
  identity,
  audit,
  breakGlass,
  ring,
  tasks,
  embed,
  webhooks,
  channels,
  jobs,
  receiver,
  status,
  mcp,
  vault,
  gate,
  relay,
  a2a,
  oauth,
  starter,
  delivery,
}: Houses): { routes: Route[]; rootRoutes: Route[] } => ({
  routes: [
    ...identityRoutes(identity),
    ...principalRoutes(identity),
    ...policyRoutes(tasks),
    ...tenantRoutes(breakGlass),
    ...keyringRoutes(ring),
    ...egressRoutes(identity),
    ...incidentRoutes(status),
    ...eventRoutes(audit),
    ...auditRoutes(audit),
    ...endpointRoutes(webhooks),
    ...deliveryRoutes(webhooks),
    ...taskRoutes(tasks),
    ...compatibleRoutes(tasks),
    ...formRoutes(tasks),
    ...embedRoutes(tasks),
    ...linkRoutes(tasks),
    ...emailRoutes(channels.email),
    ...slackRoutes(channels.slack),
    ...webhookChannelRoutes(channels.webhook),
    ...jobsRoutes(jobs),
    ...vaultRoutes(vault),
    ...authorizationRoutes(vault),
    ...revocationRoutes(vault),
    ...nodeRoutes(identity),
    ...explainRoutes(gate),
    ...draftRoutes(gate),
    ...holdRoutes(gate),
    ...requestRoutes(vault),
    ...relayRoutes(relay),
    ...cardDeliveryRoutes(delivery),
    ...oauthRoutes(oauth),
    ...receiverRoutes({ receiver }),
  ],
  rootRoutes: [
    ...statusRoutes(status),
    ...wellKnownRoutes(audit),
    taskRedirect(tasks),
    ...connectRoutes(vault),
    embedPageRoute(embed),
    webhookKeyRoute(webhooks),
    relayKeysRoute(webhooks),
    ...mcpRoutes(mcp),
    ...relayRootRoutes(relay),
    ...starterRoutes(starter),
    ...oauthRootRoutes(oauth),
    ...a2aRoutes(a2a),
  ],
})

/** The contract table without a server behind it: for documents and types. Its handlers must not be called. */
export function describeRoutes(): { routes: Route[]; rootRoutes: Route[] } {
  const nobody = { tools: [] as McpHouse['tools'] } as BreakGlassHouse &
    KeyringHouse &
    AuditHouse &
    TasksHouse &
    WebhooksHouse &
    JobsHouse &
    Receiver &
    StatusHouse &
    McpHouse &
    VaultHouse
  return listRoutes({
    ...{
      identity: nobody,
      audit: nobody,
      breakGlass: nobody,
      ring: nobody,
      tasks: nobody,
      embed: nobody as unknown as EmbedPageHouse,
      webhooks: nobody,
      channels: { email: { tasks: nobody }, slack: { tasks: nobody }, webhook: { tasks: nobody } } as unknown as Channels,
      jobs: nobody,
      receiver: nobody,
      status: nobody,
    },
    mcp: nobody,
    vault: nobody,
    gate: nobody as unknown as GateHouse,
    relay: nobody as unknown as RelayHouse,
    a2a: nobody as unknown as A2aHouse,
    oauth: nobody as unknown as OauthHouse,
    starter: nobody as unknown as StarterHouse,
    delivery: nobody as unknown as DeliveryHouse,
  })
}

function webhooksOf({ db, keyring, log, origin }: Ground, tasks: TasksHouse, door: Door): WebhooksHouse {
  return {
    db,
    keyring,
    log,
    door,
    origin,
    checkUrl: (url, path, tenantId, unresolved) => checkUrl(door.guard, url, path, tenantId, unresolved),
    sources: {
      task: {
        render: (t, scope, id) => renderCallback(tasks, t, scope, id),
        secret: (t, scope) => callbackSecret(tasks, t, scope),
        ended: tellOfCallback,
      },
    },
  }
}

/** Every queue of the kinds has a share; deliveries wait on others, so they have a pool of their own. */
function sharesOf(kinds: readonly Kind[]) {
  const names = new Set(['default', ...kinds.map(({ queue = 'default' }) => queue)])
  return {
    ...Object.fromEntries([...names].map((name) => [name, {}])),
    [WEBHOOKS]: HELD_JOBS,
    [OFFERED_QUEUE]: HELD_OFFERED,
    [VERIFIERS]: HELD_VERIFICATIONS,
    [RELAY_CALLS]: HELD_CALLS,
    [ROUTING_QUEUE]: ROUTING_JOBS,
  }
}

/** Our own names are never a place to deliver to. */
function guardOf({ config, db, log, loopback, origin }: Ground) {
  return openGuard({
    http: config.egressHttp,
    ports: config.egressPorts,
    literals: config.egressLiterals,
    allowed: config.egressAllow,
    allowedOf: readAllows({ db }),
    log,
    ownHosts: [config.publicUrl?.hostname, config.callbackUrl?.hostname, ...config.allowedHosts, config.host].filter(
      (host): host is string => host !== undefined,
    ),
    nameServers: config.egressDnsServers,
    nat64Prefix: config.egressNat64Prefix,
    ...(loopback ? { loopbackBut: () => [Number(new URL(origin()).port)] } : {}),
  })
}
