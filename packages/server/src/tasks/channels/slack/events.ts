// What Slack tells by itself: replies below a message become comments (T119), or answers where a model reads them (T131), an app that was taken away is marked. Everything else is heard and left.

import { enqueue } from '@countersign/queue'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { decideTask } from '../../decision.ts'
import { getTask } from '../../look.ts'
import { addComment } from '../../talk/comments.ts'
import { takesWords } from '../words.ts'
import { markRevoked } from './channel.ts'
import { explain, UNLINKED } from './explain.ts'
import { guestOf, hereOf } from './guest.ts'
import type { SlackHouse } from './house.ts'
import { SAY, type SayPayload } from './interactions.ts'
import { isRecord, type Json, textAt } from './read.ts'
import type { Received } from './receive.ts'
import { findMessageAt } from './sql.ts'

const LONGEST = 10_000

export async function hear(house: SlackHouse, received: Received, requestId: string): Promise<Json | null> {
  const { body, tenantId, teamId, again } = received
  if (body.type === 'url_verification') return { challenge: String(body.challenge ?? '') }
  const event = isRecord(body.event) ? body.event : {}
  if (again || body.type !== 'event_callback' || teamId === null) return null
  if (event.type === 'tokens_revoked' || event.type === 'app_uninstalled') await markRevoked(house, tenantId, teamId, event.type)
  if (event.type === 'message') await replied(house, received, event, requestId)
  return null
}

/** A person's own words below a message of ours; what programs write, edit or delete is nobody's remark. */
async function replied(house: SlackHouse, { tenantId, teamId }: Received, event: Json, requestId: string): Promise<void> {
  const [channel, thread, user, text] = ['channel', 'thread_ts', 'user', 'text'].map((name) => textAt(event, name))
  if (!channel || !thread || !user || !text || !teamId || event.bot_id !== undefined || event.subtype !== undefined) return
  if (thread === event.ts) return
  const here = await hereOf(house, tenantId, teamId, requestId)
  if (!here || user === here.installation.row.bot_user_id) return
  const scope = systemScope('slack', tenantId)
  const message = await tx(house.tasks.db, scope, (t) => findMessageAt(t, scope, teamId, channel, thread), { readOnly: true })
  if (!message) return
  const guest = await guestOf(house, here, user, message)
  const say = (words: string) => {
    const payload: SayPayload = { team_id: teamId, channel, slack_user_id: user, text: words }
    return tx(house.tasks.db, scope, (t) => enqueue(t, { kind: SAY, tenantId, payload }))
  }
  if (!guest) {
    await say(UNLINKED)
    return
  }
  try {
    const words = readable(text).slice(0, LONGEST)
    const task = await getTask(house.tasks, guest.scope, message.task_id)
    if (takesWords(task)) {
      const input = { type: 'respond', raw_text: words, seen_revision: task.revision } as const
      await decideTask(house.tasks, guest.scope, message.task_id, input, { address: null })
    } else await addComment(house.tasks, guest.scope, message.task_id, { body: words })
  } catch (error) {
    await say(explain(error))
  }
}

/** Slack writes its own marks around what people type; names of people stay ids, for nobody here has to know them. */
const readable = (text: string): string =>
  text
    .replace(/<(?:https?:\/\/[^|>]+)\|([^>]+)>/g, '$1')
    .replace(/<(https?:\/\/[^>]+|mailto:[^>]+)>/g, '$1')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
