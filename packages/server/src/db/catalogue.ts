// The shape of the database as this version leaves it, and how a real one differs from it: tables, columns, indexes, policies, functions, rights.
// The expectation is two files made from a freshly migrated database (catalogue.json, grants.json), so nobody keeps it by hand. Mends nothing.
import pg from 'pg'
import {
  type FunctionRow,
  type GrantRow,
  listFunctions,
  listGrants,
  listTables,
  type PolicyRow,
  type TableRow,
} from './catalogue/sql.ts'
import { TABLES } from './tables.ts'

export type CatalogueTable = {
  owner: string
  columns: string[]
  indexes: Record<string, string>
  policies: Record<string, string>
}
export type CatalogueFunction = { owner: string; definer: boolean; settings: string[] }
export type Catalogue = { tables: Record<string, CatalogueTable>; functions: Record<string, CatalogueFunction> }
/** object → grantee → privileges */
export type Grants = Record<string, Record<string, string[]>>
export type Difference = { what: string; mend: string }

type Reader = Pick<pg.Pool, 'query'>

export async function readTables(db: Reader): Promise<TableRow[]> {
  return (await db.query<TableRow>(listTables)).rows.filter((table) => !TABLES[tableKey(table.name)]?.optional)
}

/** `tenants` for `countersign.tenants`, whole names elsewhere, a partition's table for the partition: the keys of tables.ts. */
export const tableKey = (name: string): string =>
  name.replace(/^countersign\./, '').replace(/^(countersign_queue\.\w+|seen_proofs)_\d\d$/, '$1')

export async function readCatalogue(db: Reader): Promise<Catalogue> {
  const tables = await readTables(db)
  const functions = (await db.query<FunctionRow>(listFunctions)).rows
  return {
    tables: Object.fromEntries(
      tables.map(({ name, owner, columns, indexes, policies }) => [
        name,
        {
          owner,
          columns,
          indexes: Object.fromEntries(indexes.map((index) => [index.name, index.definition])),
          policies: Object.fromEntries(policies.map((policy) => [policy.name, describePolicy(policy)])),
        },
      ]),
    ),
    functions: Object.fromEntries(functions.map(({ name, ...rest }) => [name, rest])),
  }
}

export async function readGrants(db: Reader): Promise<Grants> {
  const grants: Grants = {}
  for (const { object, grantee, privileges } of (await db.query<GrantRow>(listGrants)).rows) {
    if (TABLES[tableKey(object.replace(/^table /, ''))]?.optional) continue
    grants[object] = { ...grants[object], [grantee]: privileges }
  }
  return grants
}

const describePolicy = (policy: PolicyRow): string =>
  [
    `as ${policy.permissive ? 'permissive' : 'restrictive'} for ${policy.command} to ${policy.roles.join(', ')}`,
    ...(policy.using === null ? [] : [`using (${policy.using})`]),
    ...(policy.check === null ? [] : [`with check (${policy.check})`]),
  ].join(' ')

/** The policy of P2 as the catalogue speaks it. */
export const tenantPolicy = (column: string): string => {
  const same = `((${column} = ( SELECT (NULLIF(current_setting('countersign.tenant'::text, true), ''::text))::uuid)))`
  return `as permissive for all to countersign_runtime using ${same} with check ${same}`
}

export function compareCatalogue(expected: Catalogue, actual: Catalogue): Difference[] {
  return [
    ...compareKeys(expected.tables, actual.tables, {
      missing: (name) => ({
        what: `The table ${name} is missing.`,
        mend: 'Restore the database from a backup; the migration that made it has run.',
      }),
      extra: (name) => ({ what: `The table ${name} is not ours.`, mend: `alter table ${name} set schema public;` }),
      both: compareTable,
    }),
    ...compareKeys(expected.functions, actual.functions, {
      missing: (name) => ({
        what: `The function ${name} is missing.`,
        mend: 'Restore the database from a backup; the migration that made it has run.',
      }),
      extra: (name) => ({ what: `The function ${name} is not ours.`, mend: `drop function ${name};` }),
      both: compareFunction,
    }),
  ]
}

function compareTable(name: string, expected: CatalogueTable, actual: CatalogueTable): Difference[] {
  const table = name
  return [
    ...(expected.owner === actual.owner
      ? []
      : [{ what: `${name} belongs to ${actual.owner}.`, mend: `alter table ${table} owner to ${expected.owner};` }]),
    ...expected.columns
      .filter((column) => !actual.columns.includes(column))
      .map((column) => ({ what: `${name} has no column as "${column}".`, mend: `Bring the column back: ${column}.` })),
    ...actual.columns
      .filter((column) => !expected.columns.includes(column))
      .map((column) => ({
        what: `${name} has a column "${column}" that is not ours.`,
        mend: `alter table ${table} drop column ${column.split(' ')[0]};`,
      })),
    ...compareKeys(expected.indexes, actual.indexes, {
      missing: (index, definition) => ({ what: `The index ${index} of ${name} is missing.`, mend: `${definition};` }),
      extra: (index) => ({ what: `The index ${index} of ${name} is not ours.`, mend: `drop index ${schemaOf(name)}.${index};` }),
      both: (index, ours, theirs) =>
        ours === theirs
          ? []
          : [
              {
                what: `The index ${index} of ${name} is another: ${theirs}.`,
                mend: `drop index ${schemaOf(name)}.${index}; ${ours};`,
              },
            ],
    }),
    ...compareKeys(expected.policies, actual.policies, {
      missing: (policy, text) => ({
        what: `The policy ${policy} of ${name} is missing.`,
        mend: `create policy ${policy} on ${table} ${text};`,
      }),
      extra: (policy) => ({
        what: `The policy ${policy} of ${name} is not ours.`,
        mend: `drop policy if exists ${policy} on ${table};`,
      }),
      both: (policy, ours, theirs) =>
        ours === theirs
          ? []
          : [
              {
                what: `The policy ${policy} of ${name} is another.`,
                mend: `drop policy if exists ${policy} on ${table}; create policy ${policy} on ${table} ${ours};`,
              },
            ],
    }),
  ]
}

function compareFunction(name: string, expected: CatalogueFunction, actual: CatalogueFunction): Difference[] {
  const settings = (one: CatalogueFunction) => one.settings.join('; ')
  return [
    ...(expected.owner === actual.owner
      ? []
      : [{ what: `${name} belongs to ${actual.owner}.`, mend: `alter function ${name} owner to ${expected.owner};` }]),
    ...(expected.definer === actual.definer
      ? []
      : [
          {
            what: `${name} runs with the rights of another.`,
            mend: `alter function ${name} security ${expected.definer ? 'definer' : 'invoker'};`,
          },
        ]),
    ...(settings(expected) === settings(actual)
      ? []
      : [
          {
            what: `${name} runs with "${settings(actual)}" instead of "${settings(expected)}".`,
            mend: `alter function ${name} ${expected.settings.map((one) => `set ${one.replace('=', ' = ')}`).join(' ') || 'reset all'};`,
          },
        ]),
  ]
}

/** Too much counts as well as too little. */
export function compareGrants(expected: Grants, actual: Grants, database: string): Difference[] {
  const differences: Difference[] = []
  const written = (object: string) => (object === 'database' ? `database ${pg.escapeIdentifier(database)}` : object)
  for (const object of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    for (const grantee of new Set([...Object.keys(expected[object] ?? {}), ...Object.keys(actual[object] ?? {})])) {
      const ours = expected[object]?.[grantee] ?? []
      const theirs = actual[object]?.[grantee] ?? []
      const extra = theirs.filter((privilege) => !ours.includes(privilege))
      const missing = ours.filter((privilege) => !theirs.includes(privilege))
      if (extra.length > 0)
        differences.push({
          what: `${grantee} may ${extra.join(', ')} on ${written(object)}, and should not.`,
          mend: `revoke ${extra.join(', ')} on ${written(object)} from ${grantee};`,
        })
      if (missing.length > 0)
        differences.push({
          what: `${grantee} may not ${missing.join(', ')} on ${written(object)}, and should.`,
          mend: `grant ${missing.join(', ')} on ${written(object)} to ${grantee};`,
        })
    }
  }
  return differences
}

/** The two files that are generated from a freshly migrated database and kept beside this one. */
export async function renderExpected(db: Reader): Promise<Record<'catalogue.json' | 'grants.json', string>> {
  return {
    'catalogue.json': `${formatted(await readCatalogue(db))}\n`,
    'grants.json': `${formatted(await readGrants(db))}\n`,
  }
}

// As the formatter of the tree breaks lines, so that it leaves these files alone.
const WIDTH = 130

/** One line a fact, so that a change of a migration reads as a change. `before` is what stands on the line already. */
function formatted(value: unknown, indent = '', before = indent): string {
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    const line = `[${value.map((item) => JSON.stringify(item)).join(', ')}]`
    if (before.length + line.length < WIDTH) return line
    return `[\n${value.map((item) => inner + formatted(item, inner)).join(',\n')}\n${indent}]`
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, member]) => {
    const label = `${inner}${JSON.stringify(name)}: `
    return label + formatted(member, inner, label)
  })
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`
}

type Say<T> = {
  missing(name: string, expected: T): Difference
  extra(name: string, actual: T): Difference
  both(name: string, expected: T, actual: T): Difference[]
}

function compareKeys<T>(expected: Record<string, T>, actual: Record<string, T>, say: Say<T>): Difference[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(actual)])].sort()
  return names.flatMap((name) => {
    const ours = expected[name]
    const theirs = actual[name]
    if (ours !== undefined && theirs !== undefined) return say.both(name, ours, theirs)
    return ours === undefined ? [say.extra(name, theirs as T)] : [say.missing(name, ours)]
  })
}

const schemaOf = (name: string): string => name.split('.')[0] as string
