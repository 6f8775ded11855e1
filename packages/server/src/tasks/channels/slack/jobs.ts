// The jobs of Slack: one private sentence to one person. Ids in, one call out.
import { defineKind, type Kind, retry } from '@countersign/queue'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { type Call, callSlack, SlackRefused } from './client.ts'
import { UNLINKED } from './explain.ts'
import type { SlackHouse } from './house.ts'
import { SAY, type SayPayload } from './interactions.ts'
import { installationOf } from './material.ts'
import { linkUrl } from './people.ts'
import { textAt } from './read.ts'
import { markRevoked } from './revoked.ts'

function readSay(value: unknown): SayPayload {
  const { team_id, channel, slack_user_id, text } = value as Partial<SayPayload>
  for (const one of [team_id, channel, slack_user_id, text])
    if (typeof one !== 'string' || one.length > 1_000) throw new TypeError('a team, a channel, a member and a sentence')
  return value as SayPayload
}

export const slackJobs = (house: SlackHouse): Kind[] => [
  defineKind<unknown, SayPayload>(SAY, {
    schema: readSay,
    keepOutput: false,
    maxAttempts: 8,
    backoff: { base: '5s', cap: '10m' },
    async run({ tenantId, payload }) {
      try {
        await sayPrivately(house, tenantId, payload)
        return undefined
      } catch (error) {
        if (!(error instanceof SlackRefused)) throw error
        if (error.isOver) await markRevoked(house, tenantId, payload.team_id, error.code)
        // Nobody waits for a private word that can never arrive.
        return error.isPassing
          ? retry({ ...(error.afterMs === null ? {} : { after: error.afterMs }), error: error.code })
          : undefined
      }
    },
  }) as Kind,
]

const ELSEWHERE = ['not_in_channel', 'channel_not_found', 'user_not_in_channel', 'is_archived']

async function sayPrivately(
  house: SlackHouse,
  tenantId: string,
  { team_id, channel, slack_user_id, text }: SayPayload,
): Promise<void> {
  const scope = systemScope('slack', tenantId)
  const installation = await tx(house.tasks.db, scope, (t) => installationOf(house.tasks, t, scope, team_id), { readOnly: true })
  if (installation?.row.state !== 'active') return
  const call: Call = { tenantId, token: installation.token }
  const words = text === UNLINKED ? await howToSignIn(house, tenantId, team_id, slack_user_id) : text
  try {
    await callSlack(house, 'chat.postEphemeral', { channel, user: slack_user_id, text: words }, call)
  } catch (error) {
    if (!(error instanceof SlackRefused) || !ELSEWHERE.includes(error.code)) throw error
    const opened = await callSlack(house, 'conversations.open', { users: slack_user_id }, call)
    await callSlack(
      house,
      'chat.postMessage',
      { channel: textAt(opened, 'channel', 'id'), text: words, unfurl_links: false },
      call,
    )
  }
}

const howToSignIn = async (house: SlackHouse, tenantId: string, teamId: string, slackUserId: string): Promise<string> =>
  `You are not known here yet, so nothing has changed. <${await linkUrl(house, tenantId, teamId, slackUserId)}|Sign in once> and then press again. The link works once, for ten minutes.`
