// A test message, sent now: it says whether workspace, token and target work. It belongs to no task and is remembered nowhere.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { invalid } from '../../settle.ts'
import { ChannelFault } from '../channel.ts'
import { callSlack, SlackRefused } from './client.ts'
import type { SlackHouse } from './house.ts'
import { installationOf } from './material.ts'
import { conversationOf } from './places.ts'
import { textAt } from './read.ts'

export async function testSlack(
  house: SlackHouse,
  scope: Scope,
  { team_id, target }: { team_id?: string | null; target: string },
) {
  const { tenantId } = scope
  const installation = await tx(house.tasks.db, scope, (t) => installationOf(house.tasks, t, scope, team_id ?? null), {
    readOnly: true,
  })
  if (installation?.row.state !== 'active') throw new Problem('channel_not_configured', { channel: 'slack' })
  try {
    const channel = await conversationOf(house, installation, { tenantId, target, party: null })
    const text = 'This is a test of Countersign. Questions will arrive here.'
    const reply = await callSlack(house, 'chat.postMessage', { channel, text }, { tenantId, token: installation.token })
    return { team_id: installation.row.team_id, channel: textAt(reply, 'channel') ?? channel, ts: textAt(reply, 'ts') ?? '' }
  } catch (error) {
    if (error instanceof ChannelFault) throw invalid('/target', 'target_unknown', error.message)
    if (!(error instanceof SlackRefused)) throw error
    if (error.isPassing)
      throw new Problem('state_conflict', { detail: 'Slack does not answer right now; try again in a moment.' }, { cause: error })
    throw invalid('/target', 'slack_refused', `Slack answered ${error.code}.`)
  }
}
