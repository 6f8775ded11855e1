// The desk of `countersign dev` (T148): a mail server, a pretend Slack and a receiver of webhooks on loopback, which the product reaches by its own channels as it reaches the real
// ones, and a clock that can be moved. Only `countersign dev` opens one; no other start has its routes, its listeners or its clock.
import { clockAhead, moveClockBy } from '../../db/moved-clock.ts'
import type { Db } from '../../db/tx.ts'
import type { Route } from '../../http/route.ts'
import type { IdentityHouse } from '../../identity/house.ts'
import type { WebhooksHouse } from '../../webhooks/house.ts'
import type { Channels } from '../channels.ts'
import { type MovableClock, movableClock } from './clock.ts'
import { readKept, writeKept } from './kept.ts'
import { type MailParty, openMailParty } from './mail.ts'
import { deskRoutes } from './routes.ts'
import { callbackSecretOf, membersOf, seed } from './seed.ts'
import { openSlackParty, type SlackParty } from './slack/party.ts'
import { newApp } from './slack/workspace.ts'
import { EVENTS_PATH, openWebhookParty, type WebhookParty } from './webhooks.ts'

/** What a server has inside, handed to the desk when it starts. */
export type Inside = {
  identity: IdentityHouse
  channels: Channels
  webhooks: WebhooksHouse
  db: Db
  /** A request of this process to its own door. */
  knock: (request: Request) => Promise<Response>
  origin(): string
}

/** Everybody that the desk plays, once they listen. */
export type Parties = { mail: MailParty; slack: SlackParty | null; webhooks: WebhookParty }

/** What boot and server take of it; neither knows more. */
export type Beside = {
  /** The clock of this process, once its database is there; null: the system's. */
  clock(database: { migratorUrl: string | null; isOwn: boolean }): Promise<MovableClock | null>
  routes(inside: Inside): Route[]
}

export type Desk = Beside & {
  /** What the server must be told so that it reaches the parties. */
  settings: { COUNTERSIGN_EGRESS_ALLOW: string; COUNTERSIGN_SLACK_URL?: string }
  /** After the listener: the sender of mail, the workspace and the endpoint are entered where they are not yet. */
  settle(agentKey: string): Promise<void>
  close(): Promise<void>
}

export type State = {
  clock: MovableClock | null
  inside: Inside | null
  agentKey: string | null
  endpoint: { id: string; secret: string } | null
}

export type DeskOptions = {
  home: string
  /** The exceptions that the person has set already. */
  allow: string | undefined
  /** false: another Slack is named in the settings. */
  slack: boolean
}

export async function openDesk({ home, allow, slack }: DeskOptions): Promise<Desk> {
  const kept = await readKept(home)
  const state: State = { clock: null, inside: null, agentKey: null, endpoint: kept.endpoint }
  const now = () => state.clock?.now() ?? new Date()
  const inside = (): Inside => {
    if (!state.inside) throw new Error('The server has not started yet.')
    return state.inside
  }
  const app = { ...newApp(), appId: APP, team: TEAM, ...kept.slack }
  const mail = await openMailParty(kept.ports.mail, now)
  const workspace = slack ? await openSlackParty(kept.ports.slack, app, { now, people: () => membersOf(inside()) }) : null
  // The first events of an endpoint may be here before its secret is.
  let known: () => void = () => undefined
  const seeded = new Promise<void>((resolve) => {
    known = resolve
  })
  const webhooks = await openWebhookParty(kept.ports.webhooks, now, async (path) => {
    await seeded
    if (path !== EVENTS_PATH) return [await callbackSecretOf(inside())]
    return state.endpoint ? [state.endpoint.secret] : []
  })
  workspace?.space.channels.push({ id: 'C0GENERAL', name: 'general' }, { id: 'C0APPROVALS', name: 'approvals' })
  const parties: Parties = { mail, slack: workspace, webhooks }
  const all = [mail, webhooks, ...(workspace ? [workspace] : [])]
  return {
    settings: {
      COUNTERSIGN_EGRESS_ALLOW: [...(allow ? [allow] : []), ...all.map(({ port }) => `127.0.0.1:${port}`)].join(','),
      ...(workspace ? { COUNTERSIGN_SLACK_URL: workspace.url } : {}),
    },
    async clock({ migratorUrl, isOwn }) {
      // A database that somebody else serves too has other clocks beside it.
      if (!isOwn || migratorUrl === null) return null
      state.clock = movableClock((ms) => moveClockBy(migratorUrl, ms), await clockAhead(migratorUrl))
      return state.clock
    },
    routes(given) {
      state.inside = given
      return deskRoutes(given, state, parties)
    },
    async settle(agentKey) {
      state.agentKey = agentKey
      state.clock?.onMove(() => inside().db.listen.sweep())
      state.endpoint = await seed(inside(), parties, state.endpoint)
      known()
      await writeKept(home, {
        ports: { mail: mail.port, slack: workspace?.port ?? kept.ports.slack, webhooks: webhooks.port },
        slack: workspace ? { signingSecret: app.signingSecret, botToken: app.botToken } : kept.slack,
        endpoint: state.endpoint,
      })
    },
    close: async () => {
      for (const party of all) await party.close()
    },
  }
}

const APP = 'A0DEV'
const TEAM = { id: 'T0DEV', name: 'Pretend workspace' }
