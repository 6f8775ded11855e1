// Push configs (R100): endpoints of the thread under the name that the client gave them. What opens an address is told to nobody again; what cannot be posted to is not kept.
import { TaskPushNotificationConfig as ConfigCodec } from '@a2a-js/sdk'
import { TaskNotFoundError } from '@a2a-js/sdk/errors'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { openCursor, sealCursor } from '../../http/cursor.ts'
import { placeOf, putEndpoint, removeEndpoint, seen, whose } from '../endpoints/endpoint.ts'
import type { ConfigWishes, PreparedCallback, ShownCallback } from '../endpoints/house.ts'
import { judgeSubscribe } from '../endpoints/judge.ts'
import { type Carried, carry, NOTHING } from '../endpoints/with-message.ts'
import { type Call, objectOf, refuseScope, refuseUnapproved } from './call.ts'
import type { A2aHouse } from './house.ts'
import { isObject, member, type WireObject } from './parts.ts'

export type SdkConfig = ReturnType<typeof ConfigCodec.fromJSON>
export type ConfigList = { configs: SdkConfig[]; nextPageToken: string }

export async function createConfig(house: A2aHouse, call: Call): Promise<SdkConfig> {
  const taskId = await enter(house, call)
  const wanted = await prepare(house, call.scope, taskId, call.params, '')
  return putEndpoint(house, call.scope, taskId, wanted, ({ endpoint }) => show(taskId, endpoint))
}

export async function getConfig(house: A2aHouse, call: Call): Promise<SdkConfig> {
  const taskId = await enter(house, call)
  const id = member(call.params, 'id')
  const found = (await present(house, call.scope, taskId)).find((one) => one.client_id === id)
  if (!found) throw new TaskNotFoundError('The task has no such push config.')
  return show(taskId, found)
}

export async function listConfigs(house: A2aHouse, call: Call): Promise<ConfigList> {
  const taskId = await enter(house, call)
  const { scope, params } = call
  const size = (member(params, 'pageSize') as number | undefined) || undefined
  const token = member(params, 'pageToken') as string | undefined
  const at = { tenantId: scope.tenantId, route: 'A2A ListTaskPushNotificationConfigs', filter: { taskId } }
  const now = house.db.now()
  const after = token ? openCursor<string>(house.keyring, at, token, now) : ''
  const rest = (await present(house, scope, taskId)).filter(({ id }) => id > after)
  const page = rest.slice(0, size)
  const last = page.at(-1)
  const nextPageToken = last && page.length < rest.length ? sealCursor(house.keyring, at, last.id, now) : ''
  return { configs: page.map((one) => show(taskId, one)), nextPageToken }
}

/** One that is not there is gone already. */
export async function deleteConfig(house: A2aHouse, call: Call): Promise<void> {
  const taskId = await enter(house, call)
  await removeEndpoint(house, call.scope, taskId, { clientId: member(call.params, 'id') as string }, () => undefined)
}

/** Of a send that carries one. */
export async function carryConfig(house: A2aHouse, call: Call, scope: Scope, about: string): Promise<Carried> {
  const config = member(objectOf(call.params.configuration), 'taskPushNotificationConfig')
  if (!isObject(config)) return NOTHING
  await refuseScope(call, 'thread.subscribe')
  return carry(house, scope, await prepare(house, scope, about, config, '/configuration/taskPushNotificationConfig'))
}

/** Whose the task is comes before what they may (R106). */
async function enter(house: A2aHouse, call: Call): Promise<string> {
  await refuseUnapproved(house, call)
  const taskId = member(call.params, 'taskId') as string
  await tx(house.db, call.scope, (t) => seen(t, call.scope, taskId), { readOnly: true })
  await refuseScope(call, 'thread.subscribe')
  return taskId
}

async function prepare(house: A2aHouse, scope: Scope, about: string, config: WireObject, at: string): Promise<PreparedCallback> {
  const wishes = wishesOf(config)
  await judgeSubscribe(house, scope, about, wishes.url)
  return house.callbacks.prepareConfig(whose(scope), wishes, at)
}

/** ProtoJSON has an empty text where there is none. */
function wishesOf(config: WireObject): ConfigWishes {
  const text = (from: WireObject, name: string) => (member(from, name) as string | undefined) || undefined
  const [id, token] = [text(config, 'id'), text(config, 'token')]
  const authentication = objectOf(config.authentication)
  const [scheme, credentials] = [text(authentication, 'scheme'), text(authentication, 'credentials')]
  return {
    url: config.url as string,
    ...(id === undefined ? {} : { id }),
    ...(token === undefined ? {} : { token }),
    ...(scheme === undefined ? {} : { authentication: { scheme, ...(credentials === undefined ? {} : { credentials }) } }),
  }
}

const present = (house: A2aHouse, scope: Scope, taskId: string): Promise<ShownCallback[]> =>
  tx(
    house.db,
    scope,
    async (t) =>
      (await house.callbacks.list(t, scope, placeOf(await seen(t, scope, taskId)))).filter(({ client_id }) => client_id !== null),
    { readOnly: true },
  )

const show = (taskId: string, { client_id, url, auth_scheme }: ShownCallback): SdkConfig =>
  ConfigCodec.fromJSON({
    ...{ id: client_id, taskId, url },
    ...(auth_scheme === null ? {} : { authentication: { scheme: auth_scheme } }),
  })
