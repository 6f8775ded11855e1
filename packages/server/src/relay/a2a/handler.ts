// The SDK's request handler over the verbs of this room (R89): its operations, one light instance for each card and version. It keeps no executor, no bus and no store: the work is
// done elsewhere, days later, and all truth is in the database.
import { AgentCard } from '@a2a-js/sdk'
import type { A2ARequestHandler, ServerCallContext } from '@a2a-js/sdk/server'
import { type Call, callOf } from './call.ts'
import { cancelTask } from './cancel.ts'
import { createConfig, deleteConfig, getConfig, listConfigs } from './configs.ts'
import { resubscribe, sendAndFollow } from './follow.ts'
import type { A2aHouse } from './house.ts'
import { getTask, listOwnTasks } from './list.ts'
import { send } from './send.ts'

export function relayHandler(house: A2aHouse, document: unknown): A2ARequestHandler {
  const card = AgentCard.fromJSON(document as never)
  return {
    getAgentCard: async () => card,
    sendMessage: (_params, context) => told(context, (call) => send(house, call)),
    sendMessageStream: (_params, context) => sendAndFollow(house, callOf(context)),
    getTask: ({ id, historyLength }, context) => told(context, (call) => getTask(house, call, id, historyLength)),
    listTasks: (_params, context) => told(context, (call) => listOwnTasks(house, call)),
    cancelTask: ({ id }, context) => told(context, (call) => cancelTask(house, call, id)),
    resubscribe: ({ id }, context) => resubscribe(house, callOf(context), id),
    createTaskPushNotificationConfig: (_params, context) => told(context, (call) => createConfig(house, call)),
    getTaskPushNotificationConfig: (_params, context) => told(context, (call) => getConfig(house, call)),
    listTaskPushNotificationConfigs: (_params, context) => told(context, (call) => listConfigs(house, call)),
    deleteTaskPushNotificationConfig: (_params, context) => told(context, (call) => deleteConfig(house, call)),
    // Answered before it comes here, for its bytes are signed.
    getAuthenticatedExtendedAgentCard: async () => card,
  }
}

/** Runs one operation; what it throws is kept beside the envelope that the SDK makes of it. */
async function told<T>(context: ServerCallContext, run: (call: Call) => Promise<T>): Promise<T> {
  const call = callOf(context)
  try {
    return await run(call)
  } catch (error) {
    call.failed = error
    throw error
  }
}
