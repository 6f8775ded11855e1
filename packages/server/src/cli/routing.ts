// countersign pools, people, routing, availability …: who is asked where a task names a pool, labels or nobody, and when one is asked oneself. Each command is one call, or one
// that reads what stands and one that puts it back changed.
import { Problem, type RouteAnswer, type RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'
import { parseNumber, parseSeconds, parseTime } from './words.ts'

type Pool = RouteAnswer<'GET /pools/:id'>
type PoolBody = RouteBody<'POST /pools'>
type Person = RouteAnswer<'GET /routing/people'>['data'][number]

const EXAMPLES = `
Examples:
  $ countersign people list
  $ countersign pools add Finance --members usr_01J…,usr_01K… --strategy least_open
  $ countersign people label usr_01J… --roles cfo,legal --levels gold
  $ countersign routing set --default pool_01J…
`

/** Words with commas between. */
export const listed = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)

type PoolOptions = { name?: string; about?: string; members?: string; strategy?: string; claim?: string }

const changesOf = ({ name, about, members, strategy, claim }: PoolOptions): Partial<PoolBody> => ({
  ...(name === undefined ? {} : { name }),
  ...(about === undefined ? {} : { description: about }),
  ...(members === undefined ? {} : { members: listed(members) }),
  ...(strategy === undefined ? {} : { strategy: strategy as Pool['strategy'] }),
  ...(claim === undefined ? {} : { claim_seconds: claim === 'none' ? null : parseSeconds('--claim', claim) }),
})

const withPoolOptions = (command: Command): Command =>
  command
    .option('--about <text>', 'what it is for')
    .option('--members <ids>', 'who is in it: ids of users, with commas between')
    .option('--strategy <strategy>', 'who of them is asked: least_recent, least_open or broadcast')
    .option('--claim <duration>', 'how long a claim without an answer lasts: 15m; none: until it is given back')

export function poolsCommand(program: Command, door: Door): void {
  const pools = program.command('pools').description('groups from which whoever is asked is taken').addHelpText('after', EXAMPLES)
  pools
    .command('list')
    .description('the pools of this tenant')
    .action(async () =>
      print(door.output(), await door.client().call('GET /pools'), ({ data }) =>
        table(
          data.map((one) => [one.id, one.strategy, String(one.members.length), plain(one.name)]),
          ['ID', 'STRATEGY', 'MEMBERS', 'NAME'],
          'No pool yet: countersign pools add <name> --members usr_…',
        ),
      ),
    )
  withPoolOptions(pools.command('add <name>'))
    .description('a new pool')
    .action(async (name: string, options: PoolOptions) => {
      const body: PoolBody = { members: [], ...changesOf(options), name }
      print(door.output(), await door.client().call('POST /pools', { body }), line)
    })
  withPoolOptions(pools.command('change <id>').option('--name <text>', 'another name'))
    .description('change a pool; what is not named stays')
    .action(async (id: string, options: PoolOptions) => {
      const client = door.client()
      const { name, description, strategy, claim_seconds, members } = await client.call('GET /pools/:id', { params: { id } })
      const body = { name, description, strategy, claim_seconds, members, ...changesOf(options) }
      print(door.output(), await client.call('PUT /pools/:id', { params: { id }, body }), line)
    })
  pools
    .command('remove <id>')
    .description('remove a pool; its members stay who they are')
    .option('-y, --yes', 'without a question')
    .action(async (id: string, { yes }: { yes?: true }) => {
      const client = door.client()
      await confirm(door, `Remove the pool ${id}`, client.settings.url, yes)
      await client.call('DELETE /pools/:id', { params: { id } })
      print(door.output(), { id, removed: true }, () => `${id} is removed`)
    })
}

const line = (one: Pool): string => `${one.id}  ${plain(one.name)}  ${one.strategy}  ${one.members.length} members`

export function peopleCommand(program: Command, door: Door): void {
  const people = program.command('people').description('who can be asked, and by what besides their name')
  people
    .command('list')
    .description('everybody, with labels and how much they hold')
    .action(async () =>
      print(door.output(), await door.client().call('GET /routing/people'), ({ data }) =>
        table(data.map(person), ['ID', 'ROLE', 'HOLDS', 'THERE', 'ROLES', 'LEVELS', 'NAME'], 'Nobody can be asked yet.'),
      ),
    )
  people
    .command('label <user>')
    .description('set the labels by which a user can be asked; they grant nothing')
    .option('--roles <words>', 'with commas between; empty for none')
    .option('--levels <words>', 'access levels, with commas between; empty for none')
    .action(async (user: string, { roles, levels }: { roles?: string; levels?: string }) => {
      const client = door.client()
      const before = await client.call('GET /users/:id/labels', { params: { id: user } })
      const body = {
        roles: roles === undefined ? before.roles : listed(roles),
        access_levels: levels === undefined ? before.access_levels : listed(levels),
      }
      print(
        door.output(),
        await client.call('PUT /users/:id/labels', { params: { id: user }, body }),
        (kept) => `${user}  roles: ${words(kept.roles)}  levels: ${words(kept.access_levels)}`,
      )
    })
}

const words = (labels: readonly string[]): string => (labels.length === 0 ? '–' : plain(labels.join(',')))
const person = (one: Person): string[] => [
  one.user_id,
  one.role,
  one.max_open === null ? String(one.open) : `${one.open} of ${one.max_open}`,
  one.away_until === null ? 'yes' : `away until ${one.away_until}`,
  words(one.roles),
  words(one.access_levels),
  plain(one.display_name),
]

export function routingCommand(program: Command, door: Door): void {
  const routing = program.command('routing').description('who is asked where nobody is named, and who gets what reaches nobody')
  const said = (pool: string | null) => pool ?? 'owners, admins and operators'
  const shown = (one: RouteAnswer<'GET /routing'>) =>
    `default   ${said(one.default_pool_id)}\nfallback  ${said(one.fallback_pool_id)}`
  routing
    .command('show')
    .description('the default and the fallback pool')
    .action(async () => print(door.output(), await door.client().call('GET /routing'), shown))
  routing
    .command('set')
    .description('choose them; what is not named stays')
    .option('--default <pool>', 'the id of a pool, or none')
    .option('--fallback <pool>', 'the id of a pool, or none')
    .action(async (options: { default?: string; fallback?: string }) => {
      const client = door.client()
      const before = await client.call('GET /routing')
      const chosen = (given: string | undefined, now: string | null) =>
        given === undefined ? now : given === 'none' ? null : given
      const body = {
        default_pool_id: chosen(options.default, before.default_pool_id),
        fallback_pool_id: chosen(options.fallback, before.fallback_pool_id),
      }
      print(door.output(), await client.call('PUT /routing', { body }), shown)
    })
}

type Availability = RouteAnswer<'GET /me/availability'>
type AvailabilityBody = RouteBody<'PUT /me/availability'>
type AvailabilityOptions = { maxOpen?: string; quiet?: string; direct?: string; shared?: string }

const AVAILABILITY_EXAMPLES = `
Examples:
  $ countersign availability away 2026-08-01T08:00:00Z 2026-08-15T08:00:00Z --delegate usr_01J…
  $ countersign availability set --max-open 5 --quiet 22:00-07:00@Europe/Berlin
  $ countersign availability set --direct slack,email
`

export function availabilityCommand(program: Command, door: Door): void {
  const mine = program
    .command('availability')
    .description('when and how you are asked yourself')
    .addHelpText('after', AVAILABILITY_EXAMPLES)
  const change = async (make: (before: Availability) => AvailabilityBody) => {
    const client = door.client()
    const body = make(await client.call('GET /me/availability'))
    print(door.output(), await client.call('PUT /me/availability', { body }), describe)
  }
  mine
    .command('show')
    .description('times away, limits, quiet hours, channels')
    .action(async () => print(door.output(), await door.client().call('GET /me/availability'), describe))
  mine
    .command('away <from> <until>')
    .description('a time away; times such as 2026-08-01T08:00:00Z, or how long from now: 2d')
    .option('--delegate <user>', 'who stands in')
    .action(async (from: string, until: string, { delegate }: { delegate?: string }) => {
      const now = Date.now()
      const one = { from: parseTime('<from>', from, now), until: parseTime('<until>', until, now), delegate_id: delegate ?? null }
      await change((before) => ({ ...before, away: [...before.away.map(({ id: _, ...rest }) => rest), one] }))
    })
  mine
    .command('back')
    .description('forget all times away')
    .action(() => change((before) => ({ ...before, away: [] })))
  mine
    .command('set')
    .description('limits, quiet hours and channels; what is not named stays')
    .option('--max-open <n>', 'how many tasks at once; none')
    .option('--quiet <hours>', 'no reminders then: 22:00-07:00@Europe/Berlin; none')
    .option('--direct <channels>', 'told of what you alone are asked: email,slack; inbox: in the inbox alone; default')
    .option('--shared <channels>', 'told of what several are asked')
    .action((given: AvailabilityOptions) =>
      change(({ away, ...before }) => ({
        away: away.map(({ id: _, ...rest }) => rest),
        ...before,
        ...(given.maxOpen === undefined
          ? {}
          : { max_open: given.maxOpen === 'none' ? null : parseNumber('--max-open', given.maxOpen) }),
        ...(given.quiet === undefined ? {} : { quiet_hours: quietOf(given.quiet) }),
        notify: {
          direct: channelsOf(given.direct, before.notify.direct),
          shared: channelsOf(given.shared, before.notify.shared),
        },
      })),
    )
}

function quietOf(text: string): AvailabilityBody['quiet_hours'] {
  if (text === 'none') return null
  const [, from, until, time_zone] = /^(\d\d:\d\d)-(\d\d:\d\d)@(\S+)$/.exec(text) ?? []
  if (from === undefined || until === undefined || time_zone === undefined)
    throw new Problem('validation_failed', {
      errors: [{ path: '--quiet', code: 'hours', message: 'are hours with their time zone, such as 22:00-07:00@Europe/Berlin' }],
    })
  return { from, until, time_zone }
}

const channelsOf = (given: string | undefined, now: string[] | null): string[] | null =>
  given === undefined ? now : given === 'default' ? null : given === 'inbox' ? [] : listed(given)

function describe({ away, max_open, quiet_hours: quiet, notify }: Availability): string {
  const told = (channels: readonly string[] | null) =>
    channels === null ? 'as shipped' : channels.length === 0 ? 'in the inbox alone' : channels.join(', ')
  return [
    ...away.map(
      (one) => `away      ${one.from} to ${one.until}${one.delegate_id === null ? '' : `, ${one.delegate_id} stands in`}`,
    ),
    `at once   ${max_open ?? 'any number'}`,
    `quiet     ${quiet === null ? 'never' : `${quiet.from} to ${quiet.until} ${plain(quiet.time_zone)}`}`,
    `told      ${told(notify.direct)}; of what several are asked: ${told(notify.shared)}`,
  ].join('\n')
}
