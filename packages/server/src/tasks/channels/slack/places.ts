// Where a message goes (T100): ids as they are, `@handle` and `#name` by the whole lists of the workspace, which are read at most every ten minutes, an address by Slack itself.
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { ChannelFault, type Notice } from '../channel.ts'
import { callSlack, pagesOf, SlackRefused } from './client.ts'
import type { SlackHouse } from './house.ts'
import type { Installation } from './material.ts'
import { slackUserOf } from './people.ts'
import { type Json, textAt } from './read.ts'
import { deleteNamesBut, findInstallation, findNames, markListed, type NameKind, type NameRow, putNames } from './sql.ts'

const LISTED_MS = 10 * 60_000

/** The conversation to post into; for a person the direct one. Throws `ChannelFault` for who and what is not there. */
export async function conversationOf(
  house: SlackHouse,
  installation: Installation,
  notice: Pick<Notice, 'tenantId' | 'target' | 'party'>,
): Promise<string> {
  const { target } = notice
  if (/^[CG][A-Z0-9]{2,20}$/.test(target)) return target
  if (target.startsWith('#')) return named(house, notice.tenantId, installation, 'channel', target.slice(1))
  return direct(house, installation, notice.tenantId, await memberOf(house, installation, notice))
}

async function memberOf(
  house: SlackHouse,
  installation: Installation,
  { tenantId, target, party }: Pick<Notice, 'tenantId' | 'target' | 'party'>,
): Promise<string> {
  if (/^[UW][A-Z0-9]{2,20}$/.test(target)) return target
  if (target.startsWith('@')) return named(house, tenantId, installation, 'member', target.slice(1))
  const userId = party?.userId ?? null
  if (userId !== null) {
    const scope = systemScope('slack', tenantId)
    const own = await tx(house.tasks.db, scope, (t) => slackUserOf(t, scope, installation.row.team_id, userId), {
      readOnly: true,
    })
    if (own) return own.slack_user_id
  }
  const email = target.includes('@') ? target : party?.email
  if (!email) throw new ChannelFault('This person is not known in Slack.', false)
  try {
    const reply = await callSlack(house, 'users.lookupByEmail', { email }, { tenantId, token: installation.token })
    const id = textAt(reply, 'user', 'id')
    if (id !== null) return id
  } catch (error) {
    if (!(error instanceof SlackRefused) || error.code !== 'users_not_found') throw error
  }
  throw new ChannelFault('Nobody in this workspace has that address.', false)
}

async function direct(house: SlackHouse, { token }: Installation, tenantId: string, users: string): Promise<string> {
  const reply = await callSlack(house, 'conversations.open', { users }, { tenantId, token })
  const id = textAt(reply, 'channel', 'id')
  if (id === null) throw new SlackRefused('answer_unreadable')
  return id
}

async function named(
  house: SlackHouse,
  tenantId: string,
  installation: Installation,
  kind: NameKind,
  name: string,
): Promise<string> {
  const handle = name.toLowerCase()
  const scope = systemScope('slack', tenantId)
  const { team_id } = installation.row
  const { db } = house.tasks
  const { rows, fresh } = await tx(
    db,
    scope,
    async (t) => {
      const found = await findNames(t, scope, team_id, kind, handle)
      const now = await findInstallation(t, scope, team_id)
      const listed = kind === 'member' ? now?.members_at : now?.channels_at
      return { rows: found, fresh: listed ? t.now.getTime() - listed.getTime() < LISTED_MS : false }
    },
    { readOnly: true },
  )
  if (fresh) return only(rows, kind, name)
  await listNames(house, tenantId, installation, kind)
  return only(await tx(db, scope, (t) => findNames(t, scope, team_id, kind, handle), { readOnly: true }), kind, name)
}

/** A display name may be several people's: then none of them is meant. */
function only(rows: readonly NameRow[], kind: NameKind, name: string): string {
  const [row] = rows
  const what = kind === 'member' ? `@${name}` : `#${name}`
  if (!row) throw new ChannelFault(`There is no ${what} in this workspace, or the app was not invited there.`, false)
  if (rows.length > 1) throw new ChannelFault(`Several are called ${what} in this workspace; use the id.`, false)
  return row.slack_id
}

/** Reads the list whole and keeps it. */
export async function listNames(
  house: SlackHouse,
  tenantId: string,
  { row, token }: Installation,
  kind: NameKind,
): Promise<void> {
  const found = new Map<string, NameRow>()
  const method = kind === 'member' ? 'users.list' : 'conversations.list'
  const args = kind === 'member' ? {} : { types: 'public_channel,private_channel', exclude_archived: true }
  for await (const page of pagesOf(house, method, args, kind === 'member' ? 'members' : 'channels', { tenantId, token }))
    for (const item of page) {
      const name = nameOf(kind, item)
      if (name) found.set(name.slack_id, name)
    }
  const names = [...found.values()]
  const scope = systemScope('slack', tenantId)
  await tx(house.tasks.db, scope, async (t) => {
    await putNames(t, scope, row.team_id, kind, names)
    await deleteNamesBut(
      t,
      scope,
      row.team_id,
      kind,
      names.map(({ slack_id }) => slack_id),
    )
    await markListed(t, scope, row.team_id, kind)
  })
}

function nameOf(kind: NameKind, item: Json): NameRow | null {
  const [id, name] = [textAt(item, 'id'), textAt(item, 'name')]
  if (id === null || name === null) return null
  if (kind === 'channel') return { slack_id: id, handle: name.toLowerCase(), display_name: name }
  if (item.deleted === true || item.is_bot === true || id === 'USLACKBOT') return null
  return {
    slack_id: id,
    handle: name.toLowerCase(),
    display_name: textAt(item, 'profile', 'display_name') ?? textAt(item, 'real_name') ?? name,
  }
}
