// countersign policies …: what is allowed, asked and denied, as versions that are checked, tried, activated and gone back to.
import { readFileSync } from 'node:fs'
import { Problem, type RouteAnswer, type RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'

type Version = RouteAnswer<'GET /policies/:version'>
type Row = RouteAnswer<'GET /policies'>['data'][number]
type Faults = Version['errors']

const EXAMPLES = `
Examples:
  $ countersign policies show active > policies.cedar
  $ countersign policies check policies.cedar
  $ countersign policies save policies.cedar --note "reports need no question"
  $ countersign policies dry-run 2
  $ countersign policies activate 2
  $ countersign policies decide --agent agt_01J… --action job.enqueue --resource Kind::report.build --context '{"queue": "default", …}'
`

const SETS = `
In place of a version:
  careful   what a tenant starts with: the proxy asks people for every write and every call of a tool
  loose     a grant decides alone
`

export function policiesCommand(program: Command, door: Door): void {
  const policies = program
    .command('policies')
    .description('what is allowed, asked of people, and denied')
    .addHelpText('after', EXAMPLES)
  const out = () => door.output()
  policies
    .command('list')
    .description('versions, newest first')
    .action(async () => print(out(), await door.client().call('GET /policies'), ({ data }) => rows(data)))
  policies
    .command('show [version]')
    .description('the text of a version, or of the active one')
    .option('--words', 'what each policy does, in a sentence')
    .action(async (version: string | undefined, { words }: { words?: true }) =>
      print(out(), await read(door, version), words ? inWords : ({ text }) => text),
    )
  policies
    .command('check <file>')
    .description('hold a file against the rules; "-" is what is piped in')
    .action(async (file: string) => {
      const checked = await door.client().call('POST /policies/check', { body: { text: readText(file) } })
      print(out(), checked, () => `${told(checked)}${checked.policies.length > 0 ? inWords(checked) : ''}`)
      if (!checked.valid) process.exitCode = 20
    })
  policies
    .command('save <file>')
    .description('a new version, which is not active yet')
    .option('--note <text>', 'what changed, for those who read the list')
    .option('--based-on <version>', 'refused when another version was saved since this one', Number)
    .action(async (file: string, { note, basedOn }: { note?: string; basedOn?: number }) => {
      const body = { text: readText(file), note, based_on: basedOn }
      const saved = await door
        .client()
        .call('POST /policies', { body })
        .catch((error: unknown) => sayFaults(door, error))
      print(out(), saved, () => `${told(saved)}version ${saved.version} is saved; countersign policies activate ${saved.version}`)
    })
  policies
    .command('diff <version> [against]')
    .description('what a version has that another, or the active one, has not')
    .action(async (version: string, against: string | undefined) => {
      const query = against === undefined ? {} : { against: Number(against) }
      print(out(), await door.client().call('GET /policies/:version/diff', { params: { version }, query }), difference)
    })
  policies
    .command('dry-run <version>')
    .description('judge what was decided lately by another version; nothing changes')
    .option('--decisions <n>', 'how many of the newest', Number)
    .action(async (version: string, { decisions }: { decisions?: number }) => {
      const body = decisions === undefined ? {} : { decisions }
      print(out(), await door.client().call('POST /policies/:version/dry-run', { params: { version }, body }), dryRun)
    })
  policies
    .command('activate <version>')
    .description('make a version the active one, from the next decision on; an older one goes back')
    .addHelpText('after', SETS)
    .option('--replaces <version>', 'refused when another version is active than this one', Number)
    .option('-y, --yes', 'without a question')
    .action(async (version: string, { replaces, yes }: { replaces?: number; yes?: true }) => {
      const client = door.client()
      if (version === 'loose' || version === 'careful') {
        await confirm(door, `Let the proxy be ${version}`, client.settings.url, yes)
        const chosen = await client.call('POST /policies/proxy-set', { body: { set: version } })
        return print(out(), chosen, () => `version ${chosen.version} is active: the proxy is ${version}`)
      }
      await confirm(door, `Activate version ${version} of the policies`, client.settings.url, yes)
      const body = replaces === undefined ? {} : { replaces }
      const row = await client.call('POST /policies/:version/activate', { params: { version }, body })
      print(out(), row, () => `version ${row.version} is active`)
    })
  policies
    .command('decide')
    .description('judge one request and say why')
    .option('--agent <id>', 'an agent as it is')
    .option('--user <id>', 'a person as they are')
    .option('--principal <type::id>', 'anybody else')
    .requiredOption('--action <action>', 'such as job.enqueue')
    .option('--resource <type::id>', 'such as Kind::report.build; the tenant, unless said')
    .option('--context <json>', 'what the act says of itself')
    .option('--judged-by <version>', 'another version than the active one', Number)
    .option('--file <file>', 'a text that is not saved')
    .action(async (options: DecideOptions) =>
      print(out(), await door.client().call('POST /policies/decide', { body: questionOf(options) }), outcome),
    )
}

type DecideOptions = {
  agent?: string
  user?: string
  principal?: string
  action: string
  resource?: string
  context?: string
  judgedBy?: number
  file?: string
}

function questionOf({ agent, user, principal, action, resource, context, judgedBy, file }: DecideOptions) {
  const who = agent ? { type: 'Agent', id: agent } : user ? { type: 'User', id: user } : principal ? thing(principal) : null
  if (!who) throw new Problem('request_invalid', { detail: 'Say who: --agent, --user or --principal.' })
  const question: RouteBody<'POST /policies/decide'> = { principal: who, action }
  if (resource) question.resource = thing(resource)
  if (context) question.context = readJson(context)
  if (judgedBy !== undefined) question.version = judgedBy
  if (file) question.text = readText(file)
  return question
}

function thing(text: string): { type: string; id: string } {
  const [type, id] = text.split('::')
  if (!type || !id) throw new Problem('request_invalid', { detail: `Write ${text} as Type::id, such as Kind::report.build.` })
  return { type, id }
}

function readJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (cause) {
    throw new Problem('request_invalid', { detail: '--context is not JSON.' }, { cause })
  }
}

/** A file, or what is piped in. */
function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    throw new Problem('request_invalid', { detail: `${file} cannot be read.` }, { cause })
  }
}

const read = (door: Door, version: string | undefined): Promise<Version> =>
  version === undefined || version === 'active'
    ? door.client().call('GET /policies/active')
    : door.client().call('GET /policies/:version', { params: { version } })

const rows = (data: Row[]): string =>
  table(
    data.map((row) => [String(row.version), row.active ? 'active' : '', row.origin, row.saved_at, plain(row.note ?? '')]),
    ['VERSION', 'STATE', 'ORIGIN', 'SAVED', 'NOTE'],
    'No version yet.',
  )

const inWords = ({ policies }: Pick<Version, 'policies'>): string =>
  table(
    policies.map(({ id, effect, ask, says }) => [
      plain(id),
      effect === 'forbid' ? 'denies' : ask ? 'asks' : 'allows',
      plain(says),
    ]),
    ['POLICY', 'DOES', 'IN WORDS'],
    'No policy: everything is denied.',
  )

const lines = (faults: Faults): string => faults.map((one) => `${one.line}:${one.column}  ${plain(one.message)}\n`).join('')

const told = ({ errors, warnings }: Pick<Version, 'errors' | 'warnings'>): string =>
  `${lines(errors)}${warnings.length > 0 ? `warnings\n${lines(warnings)}` : ''}`

/** With line and column, as an editor takes them. */
function sayFaults(door: Door, error: unknown): never {
  if (error instanceof Problem && error.code === 'policy_invalid') {
    const { json, stderr } = door.output()
    if (!json) stderr(lines(error.errors as Faults))
    throw new Problem('policy_invalid', { ...error.members, errors: json ? error.errors : [] }, { cause: error })
  }
  throw error
}

function difference({ version, against, added, removed, changed, same }: RouteAnswer<'GET /policies/:version/diff'>): string {
  const parts = [
    ...added.map(({ id, text }) => `+ ${plain(id)}\n${indent(text)}`),
    ...removed.map(({ id, text }) => `- ${plain(id)}\n${indent(text)}`),
    ...changed.map(({ id, before, after }) => `~ ${plain(id)}\n${indent(before)}\n  becomes\n${indent(after)}`),
  ]
  return `${parts.join('\n')}${parts.length > 0 ? '\n' : ''}version ${version} against ${against}: ${added.length} added, ${removed.length} removed, ${changed.length} changed, ${same} the same`
}

const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => `    ${plain(line)}`)
    .join('\n')

function dryRun({ judged, without_content, unreadable, changed }: RouteAnswer<'POST /policies/:version/dry-run'>): string {
  const all = table(
    changed.map((one) => [
      one.decided_at,
      one.principal.id,
      one.action,
      plain(one.resource.id),
      one.before.outcome,
      one.after.outcome,
      one.after.policy_ids.map(plain).join(' ') || one.after.reason,
    ]),
    ['DECIDED', 'WHO', 'ACTION', 'ON', 'WAS', 'WOULD BE', 'BY'],
    'No outcome would change.',
  )
  const notes = [
    ...(without_content > 0 ? [`${without_content} without the text of whoever asked`] : []),
    ...(unreadable > 0 ? [`${unreadable} could not be read`] : []),
  ]
  return `${all}${changed.length} of ${judged} decisions would change${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`
}

function outcome({ outcome: word, says, policies, ask, faults }: RouteAnswer<'POST /policies/decide'>): string {
  const asking = ask ? ` · ${ask.quorum} to agree within ${ask.expires_seconds} s, then ${ask.on_timeout}` : ''
  return [
    `${word}${asking}`,
    says,
    ...faults.map(plain),
    ...policies.map(({ text }) => `\n${text.split('\n').map(plain).join('\n')}`),
  ].join('\n')
}
