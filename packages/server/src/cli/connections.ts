// countersign connections …: stored credentials, by what may be read of them. No command here prints any of what is sealed; taking it out is `export` alone.
import type { RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { missingIs, plain, print, table, usage } from './output.ts'
import type { Door } from './tasks.ts'
import { type Connection, connectionNamed, connectionsOf, nameOf } from './which-connection.ts'

const EXAMPLES = `
A connection is named by its id, as provider:name, or as the provider alone, where its name is default.

Examples:
  $ countersign connections list --status needs_reauth
  $ countersign connections show github:work --field expires_at
  $ countersign connections default github:work
  $ countersign connections revoke github:work
`

type ListOptions = { provider?: string; status?: Connection['status']; name?: string; shared?: true }

export function connectionsCommand(program: Command, door: Door): void {
  const connections = program
    .command('connections')
    .description('stored credentials: what they are, who may use them, and their end')
    .addHelpText('after', EXAMPLES)
  looks(connections, door)
  changes(connections, door)
  ends(connections, door)
}

function looks(connections: Command, door: Door): void {
  connections
    .command('list')
    .description('connections that you may see: those of bundled providers, then those of your own')
    .option('--provider <name>', 'of one provider')
    .option('--status <status>', 'pending, connected, needs_reauth, suspended or revoked')
    .option('--name <name>', 'with this name')
    .option('--shared', 'only those of the whole tenant')
    .action(async ({ provider, status, name, shared }: ListOptions) => {
      const all = await connectionsOf(door, provider, status === undefined ? {} : { status })
      const data = all
        .filter((one) => (status !== undefined || one.status !== 'removed') && (name === undefined || one.name === name))
        .filter((one) => !shared || one.shared)
        .sort((a, b) => Number(a.definition_version > 0) - Number(b.definition_version > 0) || compare(nameOf(a), nameOf(b)))
      print(door.output(), { data }, () => listed(data))
    })
  connections
    .command('show <connection>')
    .description('one, without anything that is sealed')
    .option('--field <field>', 'one member of it, as it stands in the API')
    .action(async (word: string, { field }: { field?: string }) => {
      const one = await connectionNamed(door, word)
      if (field === undefined) return print(door.output(), one, described)
      if (!Object.hasOwn(one, field)) throw usage(`There is no field ${plain(field)}. Fields: ${Object.keys(one).join(', ')}.`)
      const value = one[field as keyof Connection]
      print(door.output(), { [field]: value }, () => plain(typeof value === 'string' ? value : JSON.stringify(value)))
    })
  connections
    .command('test <connection>')
    .description('try it by the call that its provider’s definition names; ends with 20 where the provider refuses it')
    .action(async (word: string) => {
      const { id } = await connectionNamed(door, word)
      const tried = await door.client().call('POST /connections/:id/test', { params: { id } })
      if (tried.status === 'refused') process.exitCode = 20
      print(door.output(), tried, ({ status, code }) => (code === null ? status : `${status}  ${plain(code)}`))
    })
}

function changes(connections: Command, door: Door): void {
  connections
    .command('rotate <connection>')
    .description('have its key replaced by a new one at its provider, as a job; the old one works until the overlap is over')
    .action(async (word: string) => {
      const { id } = await connectionNamed(door, word)
      const begun = await door.client().call('POST /connections/:id/rotate', { params: { id } })
      print(door.output(), { id, ...begun }, () => `${id}  rotating  ${begun.job_id}`)
    })
  connections
    .command('refresh <connection>')
    .description('have it renewed at its provider now')
    .action(async (word: string) => {
      const { id } = await connectionNamed(door, word)
      print(door.output(), await door.client().call('POST /connections/:id/refresh', { params: { id } }), line)
    })
  connections
    .command('default <connection>')
    .description('the one that is meant where none is named: yours, unless said otherwise')
    .option('--agent <id>', 'of this agent')
    .option('--everybody', 'of the whole tenant')
    .action(async (word: string, { agent, everybody }: { agent?: string; everybody?: true }) => {
      if (agent !== undefined && everybody) throw usage('Say --agent or --everybody, not both.')
      const { id } = await connectionNamed(door, word)
      const body = { ...(agent === undefined ? {} : { agent_id: agent }), ...(everybody && { tenant: true }) }
      print(door.output(), await door.client().call('POST /connections/:id/default', { params: { id }, body }), line)
    })
  for (const [name, shared, says] of [
    ['share', true, 'make it the tenant’s, for whoever may use what is shared'],
    ['unshare', false, 'make it your own'],
  ] as const)
    connections
      .command(`${name} <connection>`)
      .description(says)
      .action((word: string) => change(door, word, { shared }))
  connections
    .command('label <connection> [label...]')
    .description('the words by which policies mean it; these and no others, none where none is given')
    .action((word: string, labels: string[]) => change(door, word, { labels }))
  connections
    .command('rename <connection> <name>')
    .description('another name; its id, grants and labels stay')
    .action((word: string, name: string) => change(door, word, { name }))
}

/** Refused where somebody else changed it between the look and the act. */
async function change(door: Door, word: string, body: RouteBody<'PATCH /connections/:id'>): Promise<void> {
  const { id, revision } = await connectionNamed(door, word)
  const headers = { 'if-match': `"${revision}"` }
  print(door.output(), await door.client().call('PATCH /connections/:id', { params: { id }, body, headers }), line)
}

type EndOptions = { localOnly?: true; yes?: true }

function ends(connections: Command, door: Door): void {
  connections
    .command('revoke <connection>')
    .description('end its use now, with every grant on it; the provider is told, and then it is erased')
    .option('--local-only', 'erase it here and do not tell the provider, where it may count on')
    .option('--yes', 'do not ask')
    .action(async (word: string, { localOnly, yes }: EndOptions) => {
      const one = await connectionNamed(door, word)
      await confirm(door, `Revoke ${said(one)}`, door.client().settings.url, yes)
      const body = localOnly ? { local_only: true } : {}
      const ended = await missingIs(3, () => door.client().call('POST /connections/:id/revoke', { params: { id: one.id }, body }))
      print(door.output(), { id: one.id, ...ended }, () => `${one.id}  revoked  ${plain(nameOf(one))}`)
    })
  connections
    .command('remove <connection>')
    .description('revoke it, and take its name out of the list')
    .option('--yes', 'do not ask')
    .action(async (word: string, { yes }: EndOptions) => {
      const one = await connectionNamed(door, word)
      await confirm(door, `Revoke and remove ${said(one)}`, door.client().settings.url, yes)
      print(door.output(), await door.client().call('DELETE /connections/:id', { params: { id: one.id } }), line)
    })
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const said = (one: Connection): string =>
  `${plain(nameOf(one))}${one.used_by.length === 0 ? '' : `, which ${counted(one.used_by.length, 'grant')} ${one.used_by.length === 1 ? 'stands' : 'stand'} on,`}`

export const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

const line = (one: Connection): string =>
  [one.id, one.status, nameOf(one), one.shared ? 'shared' : '', one.labels.join(','), defaultOf(one)]
    .filter((word) => word !== '')
    .map(plain)
    .join('  ')

const defaultOf = ({ default_of: holders }: Connection): string =>
  holders.length === 0 ? '' : `default of ${holders.map((one) => (one === '' ? 'the tenant' : one)).join(', ')}`

const day = (time: string | null): string => (time === null ? '–' : time.slice(0, 10))

const row = (one: Connection): string[] =>
  [
    ...[nameOf(one), one.id, one.status, day(one.expires_at), one.scopes.join(',') || '–', one.shared ? 'tenant' : 'own'],
    ...[one.default_of.length === 0 ? '' : 'yes', one.used_by.map((user) => user.agent_id ?? user.agent_label ?? '').join(',')],
    day(one.last_used_at),
  ].map(plain)

const HEAD = ['CONNECTION', 'ID', 'STATUS', 'EXPIRES', 'SCOPES', 'OF', 'DEFAULT', 'AGENTS', 'LAST USE']

/** Bundled definitions first; those of the tenant's own under a heading of theirs. */
function listed(all: readonly Connection[]): string {
  const own = all.filter((one) => one.definition_version > 0)
  const bundled = all.filter((one) => one.definition_version === 0)
  if (own.length === 0) return table(bundled.map(row), HEAD, 'No connection matches: countersign login <provider>')
  const theirs = `By definitions of your own:\n${table(own.map(row), HEAD, '')}`
  return bundled.length === 0 ? theirs : `${table(bundled.map(row), HEAD, '')}\n${theirs}`
}

function described(one: Connection): string {
  const account = one.account === null ? null : (one.account.label ?? one.account.id)
  const lines: [string, string | null][] = [
    ['connection', `${nameOf(one)}  ${one.id}`],
    ['status', `${one.status}${one.status_cause === null ? '' : `, ${one.status_cause}`}, since ${one.status_since}`],
    ['method', one.method],
    ['of', one.shared ? 'the tenant' : one.owner],
    ['account', account],
    ['definition', one.definition_version === 0 ? 'bundled' : `own, version ${one.definition_version}`],
    ['parameters', pairs(one.params)],
    ['scopes', one.scopes.join(' ')],
    ['labels', one.labels.join(', ')],
    ['default', defaultOf(one).replace('default of ', '')],
    ['expires', one.expires_at],
    ['renewed', one.refresh_at],
    ['last used', one.last_used_at],
    ['last fault', one.last_error === null ? null : `${one.last_error.code}, ${one.last_error.at}`],
    ['at provider', one.provider_revocation],
  ]
  const users = one.used_by.map((user) => `  ${user.grant_id}  ${plain(user.agent_id ?? `label ${user.agent_label}`)}\n`)
  const text = lines
    .filter(([, value]) => value !== null && value !== '')
    .map(([word, value]) => `${word.padEnd(12)}${plain(value ?? '')}\n`)
  return `${text.join('')}${users.length === 0 ? 'no agent may use it: countersign grants create' : `used by\n${users.join('')}`}`
}

const pairs = (params: Readonly<Record<string, string>>): string =>
  Object.entries(params)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
