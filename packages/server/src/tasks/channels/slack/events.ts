// What Slack tells by itself: replies below a message become comments (T119), or answers where a model reads them (T131), an app that was taken away is marked. Everything else is heard and left.

import { enqueue } from '@countersign/queue'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import type { Task } from '../../wire.ts'
import { type Reply as Answer, type Done, type Heard, heard, type Saying } from '../heard.ts'
import { takesWords } from '../words.ts'
import { explain, UNLINKED } from './explain.ts'
import { guestOf, hereOf } from './guest.ts'
import type { SlackHouse } from './house.ts'
import { SAY, type SayPayload } from './interactions.ts'
import { isRecord, type Json, textAt } from './read.ts'
import type { Received } from './receive.ts'
import { markRevoked } from './revoked.ts'
import { findMessageAt } from './sql.ts'

const LONGEST = 10_000

const nothing: Answer = { reply: null }

export async function heardByEvent(house: SlackHouse, received: Received, requestId: string): Promise<Heard | Answer> {
  const { body, tenantId, teamId, again } = received
  if (body.type === 'url_verification') return { reply: { challenge: String(body.challenge ?? '') } }
  const event = isRecord(body.event) ? body.event : {}
  if (again || body.type !== 'event_callback' || teamId === null) return nothing
  if (event.type === 'tokens_revoked' || event.type === 'app_uninstalled') await markRevoked(house, tenantId, teamId, event.type)
  return event.type === 'message' ? replied(house, received, event, requestId) : nothing
}

/** A person's own words below a message of ours; what programs write, edit or delete is nobody's remark. */
async function replied(
  house: SlackHouse,
  { tenantId, teamId }: Received,
  event: Json,
  requestId: string,
): Promise<Heard | Answer> {
  const [channel, thread, user, text] = ['channel', 'thread_ts', 'user', 'text'].map((name) => textAt(event, name))
  if (!channel || !thread || !user || !text || !teamId || event.bot_id !== undefined || event.subtype !== undefined)
    return nothing
  if (thread === event.ts) return nothing
  const here = await hereOf(house, tenantId, teamId, requestId)
  if (!here || user === here.installation.row.bot_user_id) return nothing
  const scope = systemScope('slack', tenantId)
  const message = await tx(house.tasks.db, scope, (t) => findMessageAt(t, scope, teamId, channel, thread), { readOnly: true })
  if (!message) return nothing
  const guest = await guestOf(house, here, user, message)
  const say = async (words: string) => {
    const payload: SayPayload = { team_id: teamId, channel, slack_user_id: user, text: words }
    await tx(house.tasks.db, scope, (t) => enqueue(t, { kind: SAY, tenantId, payload }))
    return nothing
  }
  if (!guest) return say(UNLINKED)
  const words = readable(text).slice(0, LONGEST)
  const refused = (error: unknown) => say(explain(error))
  const base = { person: guest.scope, from: { address: null }, refused }
  const said = (saying: Saying) => heard({ ...base, done: async () => nothing }, saying)
  const done = async ({ task }: Done) => {
    const { revision } = task as Task
    return takesWords(task as Task)
      ? said({ verb: 'decide', body: { type: 'respond', raw_text: words, seen_revision: revision } })
      : said({ verb: 'comment', body: { body: words } })
  }
  return heard({ ...base, done }, { verb: 'read' })
}

/** Slack writes its own marks around what people type; names of people stay ids, for nobody here has to know them. */
const readable = (text: string): string =>
  text
    .replace(/<(?:https?:\/\/[^|>]+)\|([^>]+)>/g, '$1')
    .replace(/<(https?:\/\/[^>]+|mailto:[^>]+)>/g, '$1')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
