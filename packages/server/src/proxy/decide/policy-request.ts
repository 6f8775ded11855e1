// A proxied request as policies are asked about it (V17): entities and contexts, word for word as the schema has them. Decides nothing.

import { agentEntity } from '../../identity/policies/request.ts'
import { type FactTypes, GROUND_FACTS } from '../../policy/contributions.ts'
import type { CedarValue, Entity, Request, Uid } from '../../policy/decide.ts'
import type { AskedRequest } from '../gatekeeper.ts'
import type { FactValue } from './facts.ts'
import type { Call } from './tools.ts'
import type { View, ViewConnection, ViewGrant } from './view.ts'

export type Seen = Pick<
  AskedRequest,
  'scheme' | 'host' | 'port' | 'method' | 'path' | 'query' | 'headers' | 'upgrade' | 'clientAddress'
> & {
  bodyBytes: number | null
  /** The whole body was read for this judgement. */
  inspected: boolean
  /** The first 8 KiB of a body of text. */
  content: string | null
  /** Something could not be read whole: the outcome is not kept (V20). */
  partial: boolean
}
export type Use = { connection: ViewConnection; grant: ViewGrant; effect: 'allow' | 'ask'; minting: boolean }
export type Asking = { view: View; seen: Seen; at: Date }

const CONTENT = 8_192

const tenantOf = (view: View): Uid => ({ type: 'Tenant', id: view.run.tenant })

const agentOf = ({ agent, ...view }: View): Entity => {
  const entity = agentEntity(tenantOf({ agent, ...view }), agent)
  return { ...entity, attrs: { ...entity.attrs, labels: [...agent.labels] } }
}

const runOf = ({ run }: View, at: Date): CedarValue => ({
  id: run.id,
  labels: [...run.labels],
  minutes: Math.max(0, Math.floor((at.getTime() - run.createdAt.getTime()) / 60_000)),
  proof: run.proof,
})

function targetOf(seen: Seen): CedarValue {
  const type = seen.headers.find(([name]) => name === 'content-type')?.[1]
  return {
    scheme: seen.scheme,
    host: seen.host,
    port: seen.port,
    method: seen.method,
    path: seen.path,
    query_names: [...new Set(new URLSearchParams(seen.query).keys())],
    ...(type === undefined ? {} : { content_type: type }),
    ...(seen.bodyBytes === null ? {} : { body_bytes: seen.bodyBytes }),
    body_inspected: seen.inspected,
    ...(seen.upgrade === undefined ? {} : { upgrade: seen.upgrade }),
  }
}

const TYPES: Readonly<Record<FactTypes[string], string>> = { long: 'number', string: 'string', bool: 'boolean' }

/** Those of the schema, each of its type: what an older definition of the provider reads otherwise counts in rules alone. */
const factsOf = ({ facts: types }: View, facts: Readonly<Record<string, FactValue>>): CedarValue =>
  Object.fromEntries(
    Object.entries(facts).filter(([name, value]) => {
      const type = types[name] ?? GROUND_FACTS[name]
      return type !== undefined && TYPES[type] === typeof value
    }),
  )

const useOf = ({ grant, effect }: Use, at: Date): CedarValue => ({
  id: grant.id,
  mode: effect,
  seconds_left: Math.max(0, Math.floor((grant.expiresAt.getTime() - at.getTime()) / 1_000)),
})

function onConnection(
  { view, seen, at }: Asking,
  { connection }: Use,
  action: string,
  context: Record<string, CedarValue>,
): Request {
  const tenant = tenantOf(view)
  const agent = agentOf(view)
  const provider: Entity = {
    uid: { type: 'Provider', id: connection.provider },
    attrs: { name: connection.provider, kind: connection.definition.kind, bundled: connection.bundled },
    parents: [tenant],
  }
  const attrs: Record<string, CedarValue> = {
    name: connection.name,
    labels: [...connection.labels],
    shared: connection.owner === null,
    status: connection.status,
  }
  if (connection.owner !== null) attrs.owner = { __entity: { type: 'User', id: connection.owner } }
  const resource: Entity = {
    uid: { type: 'Connection', id: connection.id },
    attrs,
    parents: [tenant, provider.uid],
  }
  return {
    principal: agent.uid,
    action,
    resource: resource.uid,
    context: { run: runOf(view, at), target: targetOf(seen), ...context },
    entities: [agent, resource, provider],
    at,
    address: seen.clientAddress,
    ...(seen.partial ? { partial: true } : {}),
  }
}

export const proxyRequest = (asking: Asking, use: Use, facts: Readonly<Record<string, FactValue>>): Request =>
  onConnection(asking, use, 'proxy.request', {
    grant: useOf(use, asking.at),
    minting: use.minting,
    facts: factsOf(asking.view, facts),
    ...(asking.seen.content === null ? {} : { content: asking.seen.content }),
  })

export const proxyTool = (asking: Asking, use: Use, facts: Readonly<Record<string, FactValue>>, call: Call): Request =>
  onConnection(asking, use, 'proxy.tool', {
    grant: useOf(use, asking.at),
    rpc_method: call.method,
    tool: call.tool as string,
    argument_bytes: call.argumentBytes,
    facts: factsOf(asking.view, facts),
    content: textOf(Buffer.from(JSON.stringify(call.arguments ?? null))),
  })

/** A host that nobody's connection names. */
export function proxyPass({ view, seen, at }: Asking, intercepted: boolean): Request {
  const agent = agentOf(view)
  const host: Entity = { uid: { type: 'Host', id: seen.host }, attrs: { name: seen.host }, parents: [tenantOf(view)] }
  return {
    principal: agent.uid,
    action: 'proxy.pass',
    resource: host.uid,
    context: { run: runOf(view, at), target: targetOf(seen), intercepted, mode: view.run.mode },
    entities: [agent, host],
    at,
    address: seen.clientAddress,
  }
}

/** As much of a text as policies see; cut between characters. */
export const textOf = (body: Buffer): string => new TextDecoder().decode(body.subarray(0, CONTENT), { stream: true })
