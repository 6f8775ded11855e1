// The whole manifest of rights (Q140): roles, memberships, schemas, every function, table and sequence, and what PUBLIC loses. Made from grants.json, which
// is made from a freshly migrated database, so that nobody keeps it by hand. Prints only; a right that is not in the model stands nowhere here.
import type { Grants } from './catalogue.ts'
import grantsJson from './grants.json' with { type: 'json' }
import { ENGINE, OWNER, printRoles, ROLES } from './roles.ts'

export type ManifestFormat = 'sql' | 'pgroles'

const SHIPPED = grantsJson as Grants

/** For an empty server: run it once before migrating, which makes the roles, and once after, which puts every right as it should be. */
export function printManifest(
  format: ManifestFormat,
  options: { database: string; schema?: string },
  grants: Grants = SHIPPED,
): string {
  const own = options.schema === undefined ? grants : ofSchema(options.schema, grants)
  return format === 'sql' ? sqlManifest(options, own) : yamlManifest(options, own)
}

const QUEUE_SCHEMA = 'countersign_queue'

/** The rights of one schema alone. A name that is not ours is where somebody keeps the engine: the rights are those of the engine's schema. */
function ofSchema(schema: string, grants: Grants): Grants {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw new TypeError(`${schema} is no name of a schema.`)
  const ours = Object.keys(grants).some((object) => object === `schema ${schema}`)
  const from = ours ? schema : QUEUE_SCHEMA
  const names = (object: string) => object === `schema ${from}` || object.split(' ').slice(1).join(' ').startsWith(`${from}.`)
  const renamed = (object: string) => object.replaceAll(new RegExp(`\\b${from}(?=\\.|$)`, 'g'), schema)
  return Object.fromEntries(
    Object.entries(grants)
      .filter(([object]) => names(object))
      .map(([object, grantees]) => [renamed(object), grantees]),
  )
}

const objectsOf = (grants: Grants) => Object.entries(grants).filter(([object]) => object !== 'database')

function sqlManifest(options: { database: string }, grants: Grants): string {
  const statements = objectsOf(grants).flatMap(([object, grantees]) => [
    `revoke all on ${object} from public`,
    ...Object.entries(grantees).map(([grantee, privileges]) => `grant ${privileges.join(', ')} on ${object} to ${grantee}`),
  ])
  return [
    printRoles(options),
    '-- Functions that these two make are nobody’s until they are granted.',
    ...[OWNER, ENGINE].map((role) => `alter default privileges for role ${role} revoke execute on functions from public;`),
    '',
    '-- Every right on what migrations made. What is not there yet is passed over, so this may run before migrating as well.',
    'do $$',
    'declare',
    '  statement text;',
    'begin',
    '  foreach statement in array array[',
    statements.map((statement) => `    $s$${statement}$s$`).join(',\n'),
    '  ] loop',
    '    begin',
    '      execute statement;',
    '    exception when undefined_function or undefined_table or invalid_schema_name or undefined_object or undefined_column then',
    "      raise notice 'not there yet: %', statement;",
    '    end;',
    '  end loop;',
    'end $$;',
    '',
  ].join('\n')
}

/** YAML for tools that keep roles by declaration. A text in double quotes is JSON, and so is YAML. */
function yamlManifest({ database }: { database: string }, grants: Grants): string {
  const text = (value: string) => JSON.stringify(value)
  const list = (values: readonly string[]) => `[${values.map((value) => text(value.toUpperCase())).join(', ')}]`
  const grant = (object: string, grantee: string, privileges: readonly string[]) => {
    const [type, name] = object === 'database' ? ['database', database] : split(object)
    const schema = /^(\w+)\.(.+)$/s.exec(name)
    const on =
      schema && type !== 'schema' ? `schema: ${text(schema[1] ?? '')}, name: ${text(schema[2] ?? '')}` : `name: ${text(name)}`
    return `  - role: ${text(grantee)}\n    privileges: ${list(privileges)}\n    object: { type: ${type}, ${on} }`
  }
  return [
    `default_owner: ${text(OWNER)}`,
    'roles:',
    ...ROLES.map(
      (role) =>
        `  - name: ${text(role.name)}\n    login: ${role.login}\n    inherit: ${role.inherit}\n    superuser: false\n    bypassrls: false\n    comment: ${text(role.is)}`,
    ),
    'memberships:',
    ...ROLES.flatMap((member) =>
      member.memberOf.map(
        (role) => `  - role: ${text(role)}\n    members: [{ name: ${text(member.name)}, inherit: ${member.inherit} }]`,
      ),
    ),
    'default_privileges:',
    ...[OWNER, ENGINE].map(
      (owner) => `  - owner: ${text(owner)}\n    revoke: [{ role: public, privileges: ["EXECUTE"], on_type: function }]`,
    ),
    'grants:',
    ...Object.entries(grants).flatMap(([object, grantees]) =>
      Object.entries(grantees).map(([grantee, privileges]) => grant(object, grantee, privileges)),
    ),
    '',
  ].join('\n')
}

const split = (object: string): [string, string] => {
  const at = object.indexOf(' ')
  return [object.slice(0, at), object.slice(at + 1)]
}
