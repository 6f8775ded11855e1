// countersign migrate, db roles: the database, looked at and brought up to date.
import { type Command, Option } from 'commander'
import type { ManifestFormat } from './beside/database.ts'
import { type Output, print } from './output.ts'

const beside = () => import('./beside/database.ts')

export function databaseCommands(program: Command, output: () => Output): void {
  program
    .command('migrate')
    .description('bring the database to the schema of this version, as the migrator login')
    .action(async () => {
      const { applied } = await (await beside()).migrateDatabase()
      print(output(), { applied }, () =>
        applied.length === 0
          ? 'Nothing to do: the schema is that of this version.'
          : applied.map((name) => `applied ${name}`).join('\n'),
      )
    })

  const roles = program
    .command('db')
    .description('database roles')
    .command('roles')
    .description('the role model of docs: --print it for an administrator, or --check a database against it')
  roles
    .option('--print', 'the SQL that an administrator runs once')
    .addOption(
      new Option('--format <format>', 'with --print: the whole manifest, every function included').choices(['sql', 'pgroles']),
    )
    .option('--check', 'every difference, too much as well as too little, with the statement that mends it; exit code 20')
    .option(
      '--adopt',
      'bring a database that one login owns to the model, in one transaction, while it serves; as COUNTERSIGN_ADMIN_URL',
    )
    .option('--schema <name>', 'with --print: the rights of this schema alone')
    .option('--database <name>', 'the database that --print writes for', 'countersign')
    .action(async (options: RolesOptions) => {
      if (options.check) return checkModel(output())
      if (options.adopt) return adopt(output())
      const { printManifest, printRoles } = await beside()
      if (options.format ?? options.schema)
        return print(output(), { manifest: printManifest(options.format ?? 'sql', options) }, ({ manifest }) => manifest)
      print(output(), { sql: printRoles(options) }, ({ sql }) => sql)
    })
}

type RolesOptions = {
  print?: true
  check?: true
  adopt?: true
  format?: ManifestFormat
  schema?: string
  database: string
}

async function adopt(output: Output): Promise<void> {
  print(output, await (await beside()).adopt(), ({ statements, kept }) =>
    statements.length === 0
      ? 'Nothing to do: the roles are as they should be.'
      : [
          `${statements.length} statements brought the database to the model. Give the logins that you use a password: \\password countersign_runtime`,
          ...kept.map((login) => `${login} serves on as a member of countersign_runtime and owns nothing any more.`),
        ].join('\n'),
  )
}

async function checkModel(output: Output): Promise<void> {
  const differences = await (await beside()).differencesOfRoles()
  print(output, { differences }, () =>
    differences.length === 0
      ? 'The roles are as they should be.'
      : differences.map(({ what, mend }) => `${what}\n  ${mend}`).join('\n'),
  )
  if (differences.length > 0) process.exitCode = 20
}
