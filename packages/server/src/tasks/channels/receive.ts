// The one place where what people say through a channel is done (T4, T103): the channel says who it is and what they want, and the verb is that of every page. No channel
// calls a verb by itself, and no rule of tasks stands here.
import { Problem } from '@countersign/sdk'
import { parseKey } from '../../crypto/token.ts'
import type { RequestInfo } from '../../http/route.ts'
import { decideTask } from '../decision.ts'
import { claimTask, releaseTask } from '../holding.ts'
import type { TasksHouse } from '../house.ts'
import { getTask } from '../look.ts'
import { addComment } from '../talk/comments.ts'
import { sendBack } from '../talk/send-back.ts'
import type { ChannelName } from './channel.ts'
import type { Done, Heard, Incoming, Reply } from './heard.ts'

/** What the request is answered with. Throws what the channel refuses, or does not put into words of its own. */
export async function receiveBy(house: TasksHouse, name: ChannelName, incoming: Incoming): Promise<unknown> {
  const channel = house.channels.get(name)
  if (!channel) throw new Error(`Nobody opened the channel ${name}.`)
  if (incoming.door === 'link' || incoming.door === 'program') refuseAgents(incoming.request)
  let next: Heard | Reply = await channel.receive(incoming)
  while (!('reply' in next)) next = await follow(house, next)
  return next.reply
}

/** An agent that comes by a link of a person's says itself that it is one (T19): by its key, or by the key pair that only agents have. */
function refuseAgents({ header }: Pick<RequestInfo, 'header'>): void {
  const [, scheme, credential] = /^(\S+) +(\S+)$/.exec(header('authorization') ?? '') ?? []
  const keys = [credential, header('x-admin-token')].map((text) => parseKey(text)?.kind)
  if (keys.includes('agt') || scheme?.toLowerCase() === 'dpop') throw new Problem('agent_may_not_decide')
}

async function follow(house: TasksHouse, said: Heard): Promise<Heard | Reply> {
  let done: Done
  try {
    done = await act(house, said)
  } catch (error) {
    if (!said.refused) throw error
    return said.refused(error)
  }
  return said.done(done)
}

async function act(house: TasksHouse, said: Heard): Promise<Done> {
  const { person, spend } = said
  const id = person.guest.taskId
  const seen = <T>(task: T) => ({ task, comment: null })
  switch (said.verb) {
    case 'read':
      return seen(await getTask(house, person, id))
    case 'decide':
      return seen(await decideTask(house, spend ? { ...person, beforeCommit: spend } : person, id, said.body, said.from))
    case 'claim':
      return seen(await claimTask(house, person, id))
    case 'release':
      return seen(await releaseTask(house, person, id))
    case 'send_back':
      return seen(await sendBack(house, person, id, said.body))
    case 'comment':
      return { task: null, comment: await addComment(house, person, id, said.body) }
  }
}
