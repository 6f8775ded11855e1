// countersign import env: what programs read from variables, moved to where it is used and not read. Reads files and the environment of this process, asks the server which
// variables mean what, and has it say whether a stored value is the same: none ever comes back. Values are printed nowhere and kept nowhere.
import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { Problem, type RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import { counted } from './connections.ts'
import { type Variable, withoutValues } from './dotenv.ts'
import { type Candidate, candidatesOf, type Found, readSources } from './env-sources.ts'
import { exitCode, plain, print, table, usage } from './output.ts'
import { needPrivateLine } from './private-line.ts'
import type { Door } from './tasks.ts'
import { type Connection, connectionsOf } from './which-connection.ts'

const EXAMPLES = `
Examples:
  $ countersign import env --dry-run            what is in .env and in this environment, and what is stored
  $ countersign import env .env.local --yes     store what is not stored yet
  $ countersign import env --replace --comment-out
`

type State =
  | 'env_only'
  | 'stored_only'
  | 'match'
  | 'different'
  | 'both_missing'
  | 'no_mapping'
  | 'unchanged'
  | 'imported'
  | 'failed'
type Item = {
  variables: string[]
  provider: string | null
  connection: string | null
  connection_id: string | null
  from: string[]
  state: State
  note: string | null
}
type Options = {
  provider?: string[]
  name: string
  shared?: true
  replace?: true
  storeAnyway?: true
  commentOut?: true
  dryRun?: true
  yes?: true
}
/** What one connection is made of, as it was found. */
type Planned = { item: Item; candidate: Candidate | null; found: Found[]; stored: Connection | null }

export function importCommand(program: Command, door: Door): void {
  program
    .command('import')
    .description('move credentials here from where programs read them')
    .command('env [file...]')
    .description('from .env files and the variables of this process; .env unless a file is named')
    .option('--provider <name...>', 'only what these are read from')
    .option('--name <name>', 'of the connections', 'default')
    .option('--shared', 'for the whole tenant')
    .option('--replace', 'also put what is different in place of what is stored')
    .option('--store-anyway', 'also where the provider refuses the key')
    .option('--comment-out', 'take what was imported, or was there already, out of its file')
    .option('--dry-run', 'say how it stands, and change nothing')
    .option('--yes', 'do not ask')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: Options) => importEnv(door, files, options))
}

export type Survey = { items: Item[]; counts: Partial<Record<State, number>> }

/** How it stands, with nothing changed: for `onboard`. */
export async function surveyEnv(door: Door, files: readonly string[]): Promise<{ survey: Survey; text: string }> {
  needPrivateLine(door.client())
  const planned = await plan(door, readSources(filesOr(files), processContext().env), { name: 'default' })
  return { survey: { items: planned.map(({ item }) => item), counts: countsOf(planned) }, text: shown(planned) }
}

const filesOr = (files: readonly string[]): string[] => (files.length > 0 ? [...files] : existsSync('.env') ? ['.env'] : [])

async function importEnv(door: Door, files: string[], options: Options): Promise<void> {
  const client = door.client()
  needPrivateLine(client)
  const sources = readSources(filesOr(files), processContext().env)
  const planned = await plan(door, sources, options)
  const wanted = planned.filter(({ item: { state } }) => state === 'env_only' || (options.replace && state === 'different'))
  const writes = !options.dryRun && wanted.length > 0 && (await isAgreed(door, planned, wanted, options))
  if (writes) for (const one of wanted) await store(door, one, options)
  const kept = planned.filter(({ item: { state } }) => state === 'imported' || state === 'match')
  if (!options.dryRun) {
    for (const { item } of planned) if (item.state === 'match') item.state = 'unchanged'
    if (options.commentOut) commentOut(kept)
    else if (kept.some(({ found }) => found.some(({ variable }) => variable !== null)))
      door.output().stderr('What is stored still stands in its file: --comment-out takes it out.\n')
  }
  print(door.output(), { items: planned.map(({ item }) => item), counts: countsOf(planned) }, () => shown(planned))
}

async function plan(door: Door, sources: readonly Found[], { provider: only, name, shared }: Options): Promise<Planned[]> {
  const { candidates, unknown } = await candidatesOf(door, sources, only)
  const all = (await connectionsOf(door)).filter((one) => one.status !== 'removed' && one.status !== 'revoked')
  const storedOf = (provider: string) =>
    all.find((one) => one.provider === provider && one.name === name && one.shared === (shared ?? false)) ?? null
  const planned = candidates.map((candidate): Planned => {
    const found = candidate.found.filter(({ value }) => value !== '')
    const stored = storedOf(candidate.provider)
    const isWhole = candidate.missing.length === 0
    const state = isWhole ? (stored ? 'different' : 'env_only') : stored ? 'stored_only' : 'both_missing'
    const note = isWhole || found.length === 0 ? null : `without ${candidate.missing.join(', ')}`
    return { item: itemOf(candidate.provider, candidate.found, { state, stored, name, note }), candidate, found, stored }
  })
  await compare(door, planned)
  const seen = new Set(candidates.map(({ provider }) => provider))
  const others = all
    .filter((one) => !seen.has(one.provider) && (only === undefined || only.includes(one.provider)))
    .map((stored): Planned => {
      const item = itemOf(stored.provider, [], { state: 'stored_only', stored, name: stored.name, note: null })
      return { item, candidate: null, found: [], stored }
    })
  const strays = unknown.map(({ found, note }): Planned => {
    const item = { ...itemOf('', [found], { state: 'no_mapping', stored: null, name, note }), provider: null, connection: null }
    return { item, candidate: null, found: [], stored: null }
  })
  return [...planned, ...others, ...strays]
}

const itemOf = (
  provider: string,
  found: readonly Found[],
  { state, stored, name, note }: { state: State; stored: Connection | null; name: string; note: string | null },
): Item => ({
  ...{ variables: found.map((one) => one.name), provider, connection: `${provider}:${name}`, connection_id: stored?.id ?? null },
  ...{ from: [...new Set(found.map((one) => one.from))], state, note },
})

/** The server holds the values against its own, and says whether they are the same. */
async function compare(door: Door, planned: readonly Planned[]): Promise<void> {
  const pairs = planned.filter(({ item, stored }) => item.state === 'different' && stored !== null)
  for (let at = 0; at < pairs.length; at += 200) {
    const items = pairs.slice(at, at + 200).map(({ candidate, stored }) => ({
      connection_id: (stored as Connection).id,
      fields: fieldsOf(candidate as Candidate),
    }))
    const { data } = await door.client().call('POST /connections/compare', { body: { items } })
    for (const [i, { state }] of data.entries()) {
      const { item } = pairs[at + i] as Planned
      if (state === 'match') item.state = 'match'
      if (state === 'missing') item.note = 'it is not yours to compare'
    }
  }
}

const fieldsOf = ({ found, fields }: Candidate): Record<string, string> =>
  Object.fromEntries(found.map(({ name, value }) => [fields[name] as string, value]))

async function isAgreed(door: Door, planned: readonly Planned[], wanted: readonly Planned[], { yes }: Options): Promise<boolean> {
  if (yes) return true
  if (!process.stdin.isTTY)
    throw usage(`${counted(wanted.length, 'connection')} would be stored: say --yes or --dry-run where nobody can be asked.`)
  door.output().stderr(shown(planned))
  const answer = await door.ask(`Store ${counted(wanted.length, 'connection')} at ${door.client().settings.url}? Type yes: `)
  return answer === 'yes'
}

async function store(door: Door, { item, candidate }: Planned, { name, shared, storeAnyway }: Options): Promise<void> {
  const { provider, method } = candidate as Candidate
  const body = {
    ...{ provider, method, name, fields: fieldsOf(candidate as Candidate) },
    ...(shared && { shared: true }),
    ...(item.state === 'different' && { replace: true }),
    ...(storeAnyway && { store_anyway: true }),
  }
  try {
    const made: RouteAnswer<'POST /authorizations'> = await door.client().call('POST /authorizations', { body })
    item.state = made.status === 'completed' ? 'imported' : 'failed'
    item.connection_id = made.connection_id
    item.note = made.error?.code ?? null
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    item.state = 'failed'
    item.note = error.members.errors?.[0]?.message ?? error.code
    process.exitCode = exitCode(error)
  }
  if (item.state === 'failed') process.exitCode ??= 5
}

/** Whole or not at all, and for nobody else to read than before. */
function commentOut(kept: readonly Planned[]): void {
  const byFile = new Map<string, { variable: Variable; kept: string }[]>()
  for (const { found, item } of kept)
    for (const { variable, from } of found)
      if (variable !== null) byFile.set(from, [...(byFile.get(from) ?? []), { variable, kept: item.connection ?? '' }])
  for (const [file, taken] of byFile) {
    const { mode } = statSync(file)
    writeFileSync(`${file}.new`, withoutValues(readFileSync(file, 'utf8'), taken), { mode: 0o600 })
    chmodSync(`${file}.new`, mode & 0o777)
    renameSync(`${file}.new`, file)
  }
}

const countsOf = (planned: readonly Planned[]): Partial<Record<State, number>> => {
  const counts: Partial<Record<State, number>> = {}
  for (const { item } of planned) counts[item.state] = (counts[item.state] ?? 0) + 1
  return counts
}

function shown(planned: readonly Planned[]): string {
  const rows = planned.map(({ item }) =>
    [item.state, item.connection ?? '–', item.variables.join(','), item.from.join(','), item.note ?? ''].map(plain),
  )
  const counts = Object.entries(countsOf(planned)).map(([state, n]) => `${n} ${state}`)
  return `${table(rows, ['STATE', 'CONNECTION', 'VARIABLES', 'FROM', ''], 'Nothing that a provider reads from a variable, and nothing stored.')}${counts.length === 0 ? '' : `${counts.join(', ')}\n`}`
}
