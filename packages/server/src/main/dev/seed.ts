// What a development installation has from the start, entered by the verbs that a person would use: a sender of mail, a workspace of Slack with everybody in it, an endpoint for
// all events. What somebody has set up otherwise is left as it is.
import { Problem } from '@countersign/sdk'
import { systemScope } from '../../db/scope.ts'
import { type Scope, tx } from '../../db/tx.ts'
import { developmentScope } from '../../identity/development.ts'
import { listUsersOf } from '../../identity/user.ts'
import { callbackSecret } from '../../tasks/callback.ts'
import { changeMailIdentity, createMailIdentity, listMailIdentities } from '../../tasks/channels/email/identity.ts'
import { connectByToken, listInstallations, saveApp, showApp } from '../../tasks/channels/slack/install.ts'
import { linkBySignIn, linkUrl, slackUserOf } from '../../tasks/channels/slack/people.ts'
import { changeEndpoint, createEndpoint, getEndpoint } from '../../webhooks/endpoints/endpoint.ts'
import type { Inside, Parties } from './desk.ts'
import type { SlackParty } from './slack/party.ts'
import type { Member } from './slack/workspace.ts'
import { EVENTS_PATH } from './webhooks.ts'

const SENDER = 'dev'
type Endpoint = { id: string; secret: string }

export async function seed(inside: Inside, parties: Parties, known: Endpoint | null): Promise<Endpoint> {
  const scope = await developmentScope(inside.identity)
  await seedMail(inside, scope, parties.mail.port)
  if (parties.slack) await seedSlack(inside, scope, parties.slack)
  return seedEndpoint(inside, scope, `${parties.webhooks.url}${EVENTS_PATH}`, known)
}

async function seedMail({ channels: { email } }: Inside, scope: Scope, port: number): Promise<void> {
  const settings = { host: '127.0.0.1', port, security: 'none' }
  const own = (await listMailIdentities(email, scope)).data.find(({ id }) => id === SENDER)
  if (own?.settings.port === port) return
  if (own) await changeMailIdentity(email, scope, SENDER, { settings })
  else
    await createMailIdentity(email, scope, {
      ...{ id: SENDER, display_name: 'Countersign', from_email: 'countersign@example.com', from_name: 'Countersign' },
      ...{ transport: 'smtp', settings },
    })
}

async function seedSlack({ channels: { slack } }: Inside, scope: Scope, { space }: SlackParty): Promise<void> {
  const app = await showApp(slack, scope)
  if (app.configured && app.app_id !== space.appId) return
  const { data } = await listInstallations(slack, scope)
  if (app.configured && data.some(({ team_id, state }) => team_id === space.team.id && state === 'active')) return
  await saveApp(slack, scope, { app_id: space.appId, signing_secret: space.signingSecret })
  await connectByToken(slack, scope, space.botToken)
}

async function seedEndpoint({ webhooks }: Inside, scope: Scope, url: string, known: Endpoint | null): Promise<Endpoint> {
  const there = known && (await found(() => getEndpoint(webhooks, scope, known.id)))
  if (!known || !there) {
    const { id, secret } = await createEndpoint(webhooks, scope, { url, events: '*', label: 'countersign dev', verify: false })
    return { id, secret }
  }
  if (there.url !== url) await changeEndpoint(webhooks, scope, known.id, { url })
  return known
}

/** Null for what is not there, for it may have been removed since. */
async function found<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof Problem && error.code === 'not_found') return null
    throw error
  }
}

export type Person = Member & { userId: string }

/** Everybody of the tenant, as members of the pretend workspace: each with an address that Slack has confirmed. */
export async function membersOf({ identity }: Inside): Promise<Person[]> {
  const scope = await developmentScope(identity)
  const users = await listUsersOf(identity, scope, { after: null, limit: 200 })
  return users.flatMap(({ id, email, display_name, state }) =>
    !email || state !== 'active'
      ? []
      : [{ id: `U${id.slice(-12)}`, name: email.split('@')[0] ?? email, real_name: display_name, email, userId: id }],
  )
}

/** In the pretend workspace everybody has signed in once from there (T118). */
export async function linkMember({ channels: { slack }, db }: Inside, teamId: string, member: Person): Promise<void> {
  const { tenantId } = await developmentScope(slack.tasks)
  const scope: Scope = { ...systemScope('development', tenantId), userId: member.userId }
  const known = await tx(db, scope, (t) => slackUserOf(t, scope, teamId, member.userId), { readOnly: true })
  if (known) return
  const url = await linkUrl(slack, tenantId, teamId, member.id)
  await linkBySignIn(slack, scope, new URL(url).hash.replace('#token=', ''))
}

export async function callbackSecretOf({ identity, channels: { email } }: Inside): Promise<string> {
  const scope = await developmentScope(identity)
  return tx(identity.db, scope, (t) => callbackSecret(email.tasks, t, scope))
}
