// The channels that reach people outside of the dashboard, each with the house it asks for. Holds no rule of theirs.
import { join } from 'node:path'
import { openMailer } from '../egress/mail.ts'
import type { Log } from '../std/log.ts'
import type { Channel } from '../tasks/channels/channel.ts'
import { openEmail } from '../tasks/channels/email/channel.ts'
import type { EmailHouse } from '../tasks/channels/email/house.ts'
import { slackChannel } from '../tasks/channels/slack/channel.ts'
import type { SlackHouse } from '../tasks/channels/slack/house.ts'
import { openWebhookChannel } from '../tasks/channels/webhook/channel.ts'
import type { WebhookChannelHouse } from '../tasks/channels/webhook/house.ts'
import type { TasksHouse } from '../tasks/house.ts'
import type { WebhooksHouse } from '../webhooks/house.ts'
import { openMessages } from '../webhooks/message.ts'
import type { Config } from './config.ts'

export type Channels = { email: EmailHouse; slack: SlackHouse; webhook: WebhookChannelHouse; all: Channel[] }

export function openChannels(config: Config, log: Log, tasks: TasksHouse, webhooks: WebhooksHouse): Channels {
  const { door } = tasks
  const email: EmailHouse = {
    tasks,
    mailer: openMailer({ door, log, folder: mailFolder(config) }),
    mayDial: async (host, port, tenantId) => {
      const verdict = await door.guard.checkMailServer(host, port, tenantId)
      // No name server answers just now: that is no fault of the name, and every mail asks again.
      return 'route' in verdict || verdict.refused === 'unreachable'
    },
  }
  const webhook: WebhookChannelHouse = { tasks, messages: openMessages(webhooks) }
  const slack: SlackHouse = { tasks, door, slackUrl: config.slackUrl.href.replace(/\/+$/, '') }
  return { email, slack, webhook, all: [openEmail(email), slackChannel(slack), openWebhookChannel(webhook)] }
}

/** A folder of the installation's, never one that a tenant names. */
const mailFolder = ({ mailFolder: folder, environment, home }: Config): string | null =>
  folder ?? (environment === 'development' ? join(home, 'mail') : null)
