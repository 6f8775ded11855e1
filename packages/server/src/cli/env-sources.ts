// Which variables there are, in files and in the environment of the command, and which provider each is read by. Which those are is said by the providers' definitions.
import { readFileSync } from 'node:fs'
import type { RouteAnswer } from '@countersign/sdk'
import { readDotenv, type Variable } from './dotenv.ts'
import { usage } from './output.ts'
import type { Door } from './tasks.ts'

/** `variable`: its place in a file; null of the environment. */
export type Found = { name: string; value: string; from: string; variable: Variable | null }
export type Candidate = {
  provider: string
  method: 'api_key' | 'basic' | 'aws'
  /** Field by variable. */
  fields: Record<string, string>
  found: Found[]
  /** Variables of fields that have no value. */
  missing: string[]
}
type Row = RouteAnswer<'GET /providers'>['data'][number]
type Stray = { found: Found; note: string | null }

const ENVIRONMENT = 'environment'
const BY_FORM = ['api_key', 'basic', 'aws'] as const
/** What in a file looks like a credential that no provider is known for. */
const LOOKS_SECRET = /(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$/

/** Files first: of one name in several places the file is meant, for that is what programs are given. */
export function readSources(files: readonly string[], env: Readonly<Record<string, string | undefined>>): Found[] {
  const found = new Map<string, Found>()
  for (const [name, value] of Object.entries(env))
    if (value !== undefined) found.set(name, { name, value, from: ENVIRONMENT, variable: null })
  for (const file of files)
    for (const variable of readDotenv(readText(file)))
      found.set(variable.name, { name: variable.name, value: variable.value, from: file, variable })
  return [...found.values()]
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usage(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
  }
}

export async function candidatesOf(
  door: Door,
  sources: readonly Found[],
  only: readonly string[] | undefined,
): Promise<{ candidates: Candidate[]; unknown: Stray[] }> {
  const providers = (await allProviders(door)).filter(({ name, in_force: inForce }) => inForce && (only?.includes(name) ?? true))
  const named = new Map(sources.map((one) => [one.name, one]))
  const candidates: Candidate[] = []
  const unchosen: Stray[] = []
  const taken = new Map<string, string[]>()
  for (const row of providers) {
    const method = BY_FORM.find((one) => row.methods.includes(one))
    const found = Object.keys(row.env).flatMap((name) => named.get(name) ?? [])
    if (method === undefined || found.length === 0) continue
    if (!isChosen(row, only)) {
      const note = `nobody has compared ${row.name} with its vendor: choose it with --provider ${row.name}`
      unchosen.push(...found.filter(({ value }) => value !== '').map((one) => ({ found: one, note })))
      continue
    }
    for (const { name } of found) taken.set(name, [...(taken.get(name) ?? []), row.name])
    const covered = new Set(found.filter(({ value }) => value !== '').map(({ name }) => row.env[name]))
    const missing = (await formOf(door, row.name)).filter((field) => !covered.has(field)).map((field) => variableOf(row, field))
    candidates.push({ provider: row.name, method, fields: row.env, found: once(found, row.env), missing })
  }
  const unread = unchosen.filter(
    ({ found }, i) => !taken.has(found.name) && unchosen.findIndex((one) => one.found === found) === i,
  )
  const doubtful = new Map([...taken].filter(([, names]) => names.length > 1))
  const clear = candidates.filter(({ found }) => !found.some(({ name }) => doubtful.has(name)))
  const strays = sources.filter(
    (one) =>
      one.variable !== null &&
      !taken.has(one.name) &&
      !unread.some(({ found }) => found === one) &&
      LOOKS_SECRET.test(one.name) &&
      one.value !== '',
  )
  return {
    candidates: clear,
    unknown: [
      ...[...doubtful].map(([name, names]) => ({
        found: named.get(name) as Found,
        note: `several read it: choose with --provider ${names.join(' or ')}`,
      })),
      ...unread,
      ...strays.map((found) => ({ found, note: null })),
    ],
  }
}

/** What ships and was never compared with its vendor's documentation is nobody's choice but a person's (V52), who has named it or connected it before. */
const isChosen = (row: Row, only: readonly string[] | undefined): boolean =>
  only !== undefined || !row.bundled || row.verified_on !== null || row.state === 'connected'

/** Two variables may stand for one field: the first that has a value counts. */
function once(found: readonly Found[], fields: Readonly<Record<string, string>>): Found[] {
  const full = found.filter(({ value }) => value !== '')
  const kept = full.filter((one, i) => full.findIndex((other) => fields[other.name] === fields[one.name]) === i)
  return kept.length > 0 ? kept : [...found]
}

const variableOf = ({ env }: Row, field: string): string =>
  Object.entries(env).find(([, named]) => named === field)?.[0] ?? `the field ${field}`

async function allProviders(door: Door): Promise<Row[]> {
  const rows: Row[] = []
  for (let cursor: string | undefined; ; ) {
    const { data, next_cursor: next } = await door.client().call('GET /providers', { query: { limit: 200, cursor } })
    rows.push(...data)
    if (next === null) return rows
    cursor = next
  }
}

/** Names of the fields that a connection by form is made of. */
async function formOf(door: Door, name: string): Promise<string[]> {
  const { definition } = await door.client().call('GET /providers/:name', { params: { name } })
  const { api_key: form, methods = [] } = (definition ?? {}) as { api_key?: { fields?: { name: string }[] }; methods?: string[] }
  if (form?.fields) return form.fields.map((one) => one.name)
  if (methods.includes('aws')) return ['access_key_id', 'secret_access_key']
  return methods.includes('basic') ? ['username', 'password'] : ['api_key']
}
