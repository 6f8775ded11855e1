// Slack as a channel (T103, T104, T116, T119): a message for each notice, changed in place as the task changes. What Slack has accepted is not sent again, also
// when nobody heard that it was; a pause that Slack asks for is kept; a message that somebody deleted is no error.
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { type Channel, ChannelFault, type Notice, noDoor, type Shown } from '../channel.ts'
import { messageOf } from './blocks.ts'
import { type Call, callSlack, type Reply, SlackRefused } from './client.ts'
import { heardByEvent } from './events.ts'
import type { SlackHouse } from './house.ts'
import { heardByPress, heardBySearch } from './interactions.ts'
import { cut, LIMITS, plainMarkup } from './limits.ts'
import { type Installation, installationOf } from './material.ts'
import { howTo } from './means.ts'
import { conversationOf } from './places.ts'
import { at, isRecord, textAt } from './read.ts'
import { readRequest } from './receive.ts'
import { markRevoked } from './revoked.ts'
import {
  beginMessage,
  findInstallation,
  findMessage,
  hasInstallation,
  type MessageRow,
  markGone,
  pauseInstallation,
  placeMessage,
} from './sql.ts'

const GONE = [
  'message_not_found',
  'channel_not_found',
  'is_archived',
  'cant_update_message',
  'edit_window_closed',
  'not_in_channel',
]
const METADATA = 'countersign_notice'
const RECENT = 50

export function slackChannel(house: SlackHouse): Channel {
  return {
    name: 'slack',
    can: (shown) => {
      const { means, why } = howTo(shown)
      return { means, why }
    },
    isReady: async (t, scope) => (await hasInstallation(t, scope)) !== null,
    knows: async (t, scope, { identity }) => {
      const row = identity === null ? null : await findInstallation(t, scope, identity)
      return identity === null || row ? null : 'identity'
    },
    send: (notice, shown) => guarded(house, notice, (installation) => send(house, installation, notice, shown)),
    rewrite: async (notice, shown) => {
      await guarded(house, notice, (installation) => rewrite(house, installation, notice, shown))
    },
    tell: async (notice, message) => {
      await guarded(house, notice, (installation) => tell(house, installation, notice, message))
    },
    async receive(incoming) {
      const { id } = incoming.request
      if (incoming.door === 'press') return heardByPress(house, await readRequest(house, 'form', incoming), id)
      if (incoming.door === 'option') return heardBySearch(house, await readRequest(house, 'form', incoming), id)
      if (incoming.door === 'event') return heardByEvent(house, await readRequest(house, 'json', incoming), id)
      return noDoor('slack', incoming)
    },
  }
}

/** With a workspace that works; what Slack says of the installation itself is kept, and everything is told as the channel's fault. */
async function guarded<T>(
  house: SlackHouse,
  { tenantId, identity }: Pick<Notice, 'tenantId' | 'identity'>,
  run: (installation: Installation) => Promise<T>,
): Promise<T> {
  const scope = systemScope('slack', tenantId)
  const { db } = house.tasks
  const { installation, now } = await tx(
    db,
    scope,
    async (t) => ({ installation: await installationOf(house.tasks, t, scope, identity), now: t.now }),
    { readOnly: true },
  )
  if (!installation)
    throw new ChannelFault(identity === null ? 'Slack is not connected.' : `The workspace ${identity} is not connected.`, false)
  const { row } = installation
  if (row.state === 'revoked') throw new ChannelFault('The workspace has taken the app away; connect it again.', false)
  const paused = (row.limited_until?.getTime() ?? 0) - now.getTime()
  if (paused > 0) throw new ChannelFault('Slack asked for a pause.', true, paused)
  try {
    return await run(installation)
  } catch (error) {
    if (error instanceof SlackRefused) throw await faultOf(house, tenantId, row.team_id, error)
    throw error
  }
}

async function faultOf(house: SlackHouse, tenantId: string, teamId: string, refused: SlackRefused): Promise<ChannelFault> {
  if (refused.isOver) await markRevoked(house, tenantId, teamId, refused.code)
  const { afterMs } = refused
  if (afterMs !== null) {
    const scope = systemScope('slack', tenantId)
    await tx(house.tasks.db, scope, (t) => pauseInstallation(t, scope, teamId, new Date(t.now.getTime() + afterMs)))
  }
  const words = refused.isOver ? 'The workspace has taken the app away; connect it again.' : `Slack answered ${refused.code}.`
  return new ChannelFault(words, refused.isPassing, afterMs)
}

const callOf = (notice: Pick<Notice, 'tenantId'>, { token }: Installation): Call => ({ tenantId: notice.tenantId, token })

async function send(
  house: SlackHouse,
  installation: Installation,
  notice: Notice,
  shown: Shown,
): Promise<{ ref: Record<string, unknown> }> {
  const scope = systemScope('slack', notice.tenantId)
  const { db } = house.tasks
  const { team_id } = installation.row
  const before = await tx(db, scope, (t) => findMessage(t, scope, notice.id), { readOnly: true })
  if (before?.ts) return refOf(before)
  const channel = before?.channel ?? (await conversationOf(house, installation, notice))
  const begun = await tx(db, scope, (t) =>
    beginMessage(t, scope, { noticeId: notice.id, taskId: notice.taskId, teamId: team_id, channel, target: notice.target }),
  )
  // Somebody began it and nobody knows how that ended: Slack does.
  const there = begun === 0 ? await findSent(house, installation, notice, channel) : null
  const sent = there ?? (await post(house, installation, notice, shown, channel))
  await tx(db, scope, (t) => placeMessage(t, scope, notice.id, sent.channel, sent.ts))
  return { ref: { team_id, channel: sent.channel, ts: sent.ts } }
}

const refOf = ({ team_id, channel, ts }: MessageRow) => ({ ref: { team_id, channel, ts } })

type Sent = { channel: string; ts: string }

async function post(house: SlackHouse, installation: Installation, notice: Notice, shown: Shown, channel: string): Promise<Sent> {
  const reply = await callSlack(
    house,
    'chat.postMessage',
    {
      channel,
      ...messageOf(notice, shown, howTo(shown)),
      unfurl_links: false,
      unfurl_media: false,
      metadata: { event_type: METADATA, event_payload: { notice_id: notice.id } },
    },
    callOf(notice, installation),
  )
  return sentOf(reply, channel)
}

function sentOf(reply: Reply, channel: string): Sent {
  const ts = textAt(reply, 'ts')
  if (ts === null) throw new SlackRefused('answer_unreadable')
  return { channel: textAt(reply, 'channel') ?? channel, ts }
}

async function findSent(house: SlackHouse, installation: Installation, notice: Notice, channel: string): Promise<Sent | null> {
  const args = { channel, limit: RECENT, include_all_metadata: true }
  const reply = await callSlack(house, 'conversations.history', args, callOf(notice, installation))
  const messages = Array.isArray(reply.messages) ? reply.messages.filter(isRecord) : []
  const own = messages.find((one) => at(one, 'metadata', 'event_payload', 'notice_id') === notice.id)
  const ts = textAt(own, 'ts')
  return ts === null ? null : { channel, ts }
}

async function rewrite(house: SlackHouse, installation: Installation, notice: Notice, shown: Shown): Promise<void> {
  const scope = systemScope('slack', notice.tenantId)
  const message = await tx(house.tasks.db, scope, (t) => findMessage(t, scope, notice.id), { readOnly: true })
  if (!message?.ts || message.gone_at !== null) return
  const { channel, ts } = message
  try {
    await callSlack(
      house,
      'chat.update',
      { channel, ts, ...messageOf(notice, shown, howTo(shown)) },
      callOf(notice, installation),
    )
  } catch (error) {
    if (!(error instanceof SlackRefused) || !GONE.includes(error.code)) throw error
    await tx(house.tasks.db, scope, (t) => markGone(t, scope, notice.id))
  }
}

/** Below the message where there is one: the person sees both together. */
async function tell(house: SlackHouse, installation: Installation, notice: Notice, message: string): Promise<void> {
  const scope = systemScope('slack', notice.tenantId)
  const known = await tx(house.tasks.db, scope, (t) => findMessage(t, scope, notice.id), { readOnly: true })
  const channel = known?.channel ?? (await conversationOf(house, installation, notice))
  const thread = known?.ts && known.gone_at === null ? { thread_ts: known.ts } : {}
  const text = cut(plainMarkup(message), LIMITS.text)
  await callSlack(house, 'chat.postMessage', { channel, text, ...thread, unfurl_links: false }, callOf(notice, installation))
}
