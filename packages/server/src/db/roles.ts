// The role model as data (platform.md §2), the SQL that makes it, and the differences of a database from it, each with the statement that mends it.
// Gives nobody BYPASSRLS and no process the right to create; knows no table: what a role may do with one stands in the migrations.
import pg from 'pg'

export type DatabaseRole = {
  name: string
  login: boolean
  /** NOINHERIT: the right to SET ROLE without having the rights. */
  inherit: boolean
  memberOf: readonly string[]
  is: string
}

export const OWNER = 'countersign_owner'
export const ENGINE = 'countersign_engine'
export const MIGRATOR = 'countersign_migrator'
export const RUNTIME = 'countersign_runtime'

const group = (name: string, is: string): DatabaseRole => ({ name, login: false, inherit: true, memberOf: [], is })

export const GROUPS: readonly DatabaseRole[] = [
  group('countersign_producer', 'enqueues'),
  group('countersign_worker', 'claims, beats, completes, fails'),
  group('countersign_callback', 'settles by callback id'),
  group('countersign_reader', 'reads the queue as an operator does'),
  group('countersign_admin', 'retries, cancels, pauses'),
  group('countersign_maintenance', 'sweeps, promotes, leases'),
]

const RUN = 'countersign_run_'
const process = (name: string, memberOf: readonly string[], is: string): DatabaseRole => ({
  name: `${RUN}${name}`,
  login: true,
  inherit: true,
  memberOf,
  is,
})

/** One login a process (P18), each with what its process calls and nothing more. An installation may use them, or the one runtime login for all. */
export const PROCESS_LOGINS: readonly DatabaseRole[] = [
  process('web', [RUNTIME], 'serves requests'),
  process('relay', [RUNTIME], 'speaks with other owners’ agents'),
  process('worker', [RUNTIME], 'runs jobs'),
  process('callbacks', ['countersign_callback'], 'takes answers from outside; reads no table'),
  process('maintenance', ['countersign_maintenance'], 'keeps the house; reads no table of a tenant'),
  process('proxy', [], 'lets agents’ calls out; only the functions that name it'),
]
const isProcessLogin = (name: string): boolean => name.startsWith(RUN)

export const ROLES: readonly DatabaseRole[] = [
  { name: OWNER, login: false, inherit: true, memberOf: [], is: 'owns schemas and objects; no process connects as it' },
  { name: ENGINE, login: false, inherit: true, memberOf: [], is: 'owns the functions that work across tenants' },
  ...GROUPS,
  { name: MIGRATOR, login: true, inherit: false, memberOf: [OWNER, ENGINE], is: 'migrates, by SET ROLE' },
  { name: RUNTIME, login: true, inherit: true, memberOf: GROUPS.map((one) => one.name), is: 'serves; no DDL, no TEMP' },
  ...PROCESS_LOGINS,
]
const LOGINS = ROLES.filter((role) => role.login).map((role) => role.name)

const identifier = pg.escapeIdentifier
const attributes = (role: DatabaseRole): string =>
  `${role.login ? 'login' : 'nologin'} ${role.inherit ? 'inherit' : 'noinherit'} nosuperuser nocreatedb nocreaterole noreplication nobypassrls`
const quietly = (test: string, then: string): string => `do $$ begin if ${test} then ${then}; end if; end $$;`
const password = (role: string, text: string | undefined): string[] =>
  text === undefined ? [] : [`alter role ${role} password ${pg.escapeLiteral(text)};`]

export type BootstrapOptions = { database: string; migratorPassword?: string; runtimePassword?: string; proxyPassword?: string }

/** Everything that an administrator does once: the roles of the cluster and the rights on the database. May be repeated. Run it in that database. */
export function bootstrapRolesSql(options: BootstrapOptions): string {
  return [
    ...ROLES.map((role) =>
      quietly(`not exists (select from pg_roles where rolname = '${role.name}')`, `create role ${role.name}`),
    ),
    // Only what differs is said: an administrator who is no superuser may neither name such powers nor alter a role that somebody else made.
    ...ROLES.map((role) =>
      quietly(
        `exists (select from pg_roles where rolname = '${role.name}' and (rolcanlogin <> ${role.login} or rolinherit <> ${role.inherit}))`,
        `alter role ${role.name} ${role.login ? 'login' : 'nologin'} ${role.inherit ? 'inherit' : 'noinherit'}`,
      ),
    ),
    ...ROLES.map((role) =>
      quietly(
        `exists (select from pg_roles where rolname = '${role.name}' and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls))`,
        `alter role ${role.name} nosuperuser nocreatedb nocreaterole noreplication nobypassrls`,
      ),
    ),
    ...ROLES.flatMap((role) =>
      role.memberOf.map((parent) =>
        quietly(`not pg_has_role('${role.name}', '${parent}', 'member')`, `grant ${parent} to ${role.name}`),
      ),
    ),
    ...password(MIGRATOR, options.migratorPassword),
    ...password(RUNTIME, options.runtimePassword),
    ...password(`${RUN}proxy`, options.proxyPassword),
    // Whoever is no superuser must be a member of the owner to hand the database over.
    quietly(
      'not (select rolsuper from pg_roles where rolname = current_user)',
      `execute format('grant ${OWNER} to %I', current_user)`,
    ),
    databaseRolesSql(options.database),
  ].join('\n')
}

/** The part that belongs to one database (P16). CREATE DATABASE copies none of it from a template. */
export function databaseRolesSql(database: string): string {
  const name = identifier(database)
  return [
    `alter database ${name} owner to ${OWNER};`,
    `revoke all on database ${name} from public;`,
    `grant connect on database ${name} to ${LOGINS.join(', ')};`,
    'revoke all on schema public from public;',
  ].join('\n')
}

/** `countersign db roles --print`: the bootstrap as a page for an administrator, who chooses the passwords. */
export function printRoles(options: { database: string }): string {
  const width = Math.max(...ROLES.map((role) => role.name.length))
  return [
    '-- Run once as an administrator, connected to the database of Countersign. It may be repeated.',
    ...ROLES.map((role) => `--   ${role.name.padEnd(width)}  ${role.is}`),
    `-- Afterwards give the logins that you use a password: \\password ${MIGRATOR}, and \\password ${RUNTIME} for one process that does everything, or`,
    `-- ${RUN}web and so on for processes that do one thing each (docs/deploy.md).`,
    '',
    bootstrapRolesSql(options),
    '',
  ].join('\n')
}

/** What a database says about its roles, against the model. */
export type RoleFacts = { name: string; login: boolean; inherit: boolean; powers: string[]; member_of: string[] }

export function compareRoles(facts: readonly RoleFacts[], at: { database: string; database_owner: string }) {
  const differences = ROLES.flatMap((role) => {
    const fact = facts.find((one) => one.name === role.name)
    const memberships = (names: readonly string[]) => names.map((parent) => `grant ${parent} to ${role.name};`).join(' ')
    // Whoever runs one process has no use for the others' logins.
    if (!fact && isProcessLogin(role.name)) return []
    if (!fact)
      return [
        {
          what: `The role ${role.name} is missing.`,
          mend: `create role ${role.name} ${attributes(role)}; ${memberships(role.memberOf)}`.trim(),
        },
      ]
    const missing = role.memberOf.filter((parent) => !fact.member_of.includes(parent))
    const extra = fact.member_of.filter((parent) => !role.memberOf.includes(parent))
    const same = fact.login === role.login && fact.inherit === role.inherit && fact.powers.length === 0
    return [
      ...(same
        ? []
        : [
            {
              what: `The role ${role.name} is not ${attributes(role).split(' ').slice(0, 2).join(' ')} without powers (${describe(fact)}).`,
              mend: `alter role ${role.name} ${attributes(role)};`,
            },
          ]),
      ...missing.map((parent) => ({
        what: `${role.name} is not a member of ${parent}.`,
        mend: `grant ${parent} to ${role.name};`,
      })),
      ...extra.map((parent) => ({
        what: `${role.name} is a member of ${parent}, and should not be.`,
        mend: `revoke ${parent} from ${role.name};`,
      })),
    ]
  })
  if (at.database_owner !== OWNER)
    differences.push({
      what: `The database belongs to ${at.database_owner}.`,
      mend: `alter database ${identifier(at.database)} owner to ${OWNER};`,
    })
  return differences
}

const describe = (fact: RoleFacts): string =>
  [fact.login ? 'login' : 'nologin', fact.inherit ? 'inherit' : 'noinherit', ...fact.powers].join(', ')
