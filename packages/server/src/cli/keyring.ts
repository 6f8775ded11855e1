// countersign keyring …: the root key and what hangs on it, for who operates the machine. Works on the database and the key source that the settings name,
// with or without a server beside it. The same words stand under `keys`, as the runbooks write them. Prints fingerprints and numbers, never a key.
import { Problem } from '@countersign/sdk'
import type { Command } from 'commander'
import { type Scope, systemScope } from '../db/scope.ts'
import { openDb, tx } from '../db/tx.ts'
import { workRewraps } from '../identity/keys-at-rest/rewrap/run.ts'
import { destroyRetiredTenantKeys, getRewrap, type RewrapView, startRewrap, view } from '../identity/keys-at-rest/rewrap/start.ts'
import {
  addRootKey,
  destroyRootKey,
  type KeyringHouse,
  keepRootKey,
  promoteRootKey,
  retireRootKey,
} from '../identity/keys-at-rest/root/root-key.ts'
import { type KeyringStatus, keyringStatus } from '../identity/keys-at-rest/root/status.ts'
import { homeTenant } from '../identity/sql.ts'
import { openKeyring, withDatabase } from '../main/boot.ts'
import { type Config, processContext, readConfig } from '../main/config.ts'
import { openLog } from '../std/log.ts'
import { confirm } from './confirm.ts'
import { type Output, print, table } from './output.ts'
import type { Door } from './tasks.ts'

const EXAMPLES = `
A rotation, in this order; nothing stops meanwhile (docs/keys.md):
  $ countersign keyring add              a further version, which opens and does not seal yet
  $ countersign keyring promote 2        once every live process holds it
  $ countersign keyring rewrap           keys of tenants anew, every wrap moved over
  $ countersign keyring retire 1         once nothing names it
  $ countersign keyring destroy 1        in seven days; until then: keyring keep 1
`

export function keyringCommand(program: Command, door: Door): void {
  const keyring = program
    .command('keyring')
    .description('the root key: versions, rotation, rewraps (on the machine of the server)')
    .addHelpText('after', EXAMPLES)
  rootCommands(keyring, door)
  // `countersign keys …` is where keys of agents live; the words of the runbook work there too.
  const keys = program.commands.find((command) => command.name() === 'keys')
  if (keys) rootCommands(keys, door, true)

  program
    .command('rekey')
    .description('new versions of tenants’ keys, and every wrap under them; nothing stops meanwhile')
    .option('--tenant <id>', 'of this tenant only')
    .option('--reseal', 'also replace data keys and nonces')
    .option('--destroy-retired', 'instead: destroy the versions that nothing names any more')
    .option('--yes', 'do not ask')
    .action(async (options: { tenant?: string; reseal?: true; destroyRetired?: true; yes?: true }) => {
      if (options.destroyRetired) {
        await confirm(door, 'Destroy every retired version of tenants’ keys', 'this installation', options.yes)
        return withRing(async (house, scope) =>
          print(
            door.output(),
            await destroyRetiredTenantKeys(house, scope),
            ({ destroyed, kept }) => `${destroyed} destroyed${kept > 0 ? `, ${kept} still named by something` : ''}.`,
          ),
        )
      }
      return withRing((house, scope) =>
        rewrap(house, scope, door.output(), { tenant_id: options.tenant, reseal: options.reseal ?? false }),
      )
    })
}

function rootCommands(parent: Command, door: Door, isAlias = false): void {
  const command = (usage: string, says: string) => parent.command(usage, { hidden: isAlias }).description(says)
  const of = (text: string): number => {
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
    throw new Problem('validation_failed', {
      errors: [{ path: 'version', code: 'invalid', message: 'Must be a version such as 2.' }],
    })
  }
  const act = (
    usage: string,
    says: string,
    verb: (house: KeyringHouse, scope: Scope, version: number) => Promise<unknown>,
    done: string,
  ) =>
    command(usage, says).action((version: string) =>
      withRing(async (house, scope) => {
        await verb(house, scope, of(version))
        print(door.output(), { version: of(version) }, () => `Version ${version} ${done}.`)
      }),
    )

  command('status', 'versions, who holds them, what hangs on them, and how old they are').action(() =>
    withRing(async (house) => print(door.output(), await keyringStatus(house), statusText)),
  )
  command('add', 'a further version; one that the source holds already is taken first').action(() =>
    withRing(async (house, scope) =>
      print(
        door.output(),
        await addRootKey(house, scope),
        ({ version, fingerprint, source }) =>
          `Version ${version} (${fingerprint}) is added in ${source}. Keep a copy apart from the backups, then: countersign keyring promote ${version}`,
      ),
    ),
  )
  act('promote <version>', 'seal under this version from now on', promoteRootKey, 'seals from now on')
  command('rewrap', 'move every wrap under the current versions, with new versions of tenants’ keys')
    .option('--root-only', 'keep the versions of tenants’ keys')
    .action(({ rootOnly }: { rootOnly?: true }) =>
      withRing((house, scope) => rewrap(house, scope, door.output(), { renew: !rootOnly })),
    )
  act('retire <version>', 'take a version out of use; refused while anything names it', retireRootKey, 'is retired')
  command('destroy <version>', 'destroy a retired version in seven days')
    .option('--yes', 'do not ask')
    .action(async (version: string, { yes }: { yes?: true }) => {
      await confirm(door, `Destroy version ${of(version)} of the root key in seven days`, 'this installation', yes)
      await withRing(async (house, scope) =>
        print(
          door.output(),
          await destroyRootKey(house, scope, of(version)),
          ({ destroy_at }) =>
            `Version ${version} is destroyed at ${destroy_at.toISOString()}. Until then: countersign keyring keep ${version}`,
        ),
      )
    })
  act('keep <version>', 'do not destroy it after all', keepRootKey, 'is kept')
}

/** As an operator of the machine; the record is that of the installation's first tenant. */
async function withRing(work: (house: KeyringHouse, scope: Scope) => Promise<void>): Promise<void> {
  const { env, context } = processContext()
  const config: Config = readConfig(env, context)
  const log = openLog({ level: 'warn', pretty: true })
  await withDatabase(config, log, async ({ runtimeUrl }) => {
    const db = await openDb({ url: runtimeUrl, log })
    try {
      const ring = await openKeyring(config, db, log, null)
      try {
        const { id } = await tx(db, systemScope('command'), homeTenant, { readOnly: true })
        if (id === null) throw new Problem('not_ready', { detail: 'Set the installation up first: countersign setup link.' })
        await work({ db, keyring: ring.keyring, ring, log }, systemScope('command', id))
      } finally {
        await ring.close()
      }
    } finally {
      await db.close()
    }
  })
}

const LOOK_MS = 500

/** Works on it here; where a server is at it already, only looks on until it is done. */
async function rewrap(
  house: KeyringHouse,
  scope: Scope,
  output: Output,
  input: { tenant_id?: string; renew?: boolean; reseal?: boolean },
): Promise<void> {
  const { id } = await startRewrap(house, scope, input)
  let said = ''
  const say = (run: RewrapView) => {
    const line = output.json ? JSON.stringify(run) : progressLine(run)
    if (line !== said) output.stderr(`${line}\n`)
    said = line
  }
  await workRewraps(house, { told: (row) => say(view(row)) })
  let run = await getRewrap(house, id)
  for (; run.state !== 'finished'; run = await getRewrap(house, id)) {
    say(run)
    await new Promise<void>((resume) => void setTimeout(resume, LOOK_MS))
    await workRewraps(house, { told: (row) => say(view(row)) })
  }
  print(output, run, ({ done, failed, rate }) =>
    [
      `${done} wraps moved${rate ? `, ${rate} a second` : ''}.`,
      ...(failed > 0 ? [`${failed} envelopes could not be rewrapped; the log names them, and their version stays.`] : []),
    ].join('\n'),
  )
}

const progressLine = ({ phase, done, total, failed }: RewrapView): string =>
  `${phase}${total > 0 ? ` ${done}/${total}` : ''}${failed > 0 ? `, ${failed} failed` : ''}`

function statusText(status: KeyringStatus): string {
  const { source, versions, processes, tenant_keys, ages, warnings, rewraps } = status
  const open = rewraps.find((run) => run.state !== 'finished')
  return [
    `source    ${source}`,
    `processes ${processes.length}`,
    `tenants   ${tenant_keys.tenants} with ${tenant_keys.versions} versions of their keys, ${tenant_keys.retired} retired`,
    ...ages.map(({ what, days }) => `${what}: ${days} days`),
    '',
    table(
      versions.map((one) => [
        String(one.version),
        one.state,
        one.fingerprint,
        one.source,
        String(one.wraps),
        String(one.passwords),
        one.missing_in > 0 ? `${one.missing_in} lack it` : 'all',
        `${one.age_days} days`,
      ]),
      ['VERSION', 'STATE', 'FINGERPRINT', 'SOURCE', 'WRAPS', 'PASSWORDS', 'HELD BY', 'AGE'],
      'No version yet.',
    ),
    ...(open ? [`rewrap ${open.id}: ${progressLine(open)}`] : []),
    ...warnings.map((warning) => `warn  ${warning}`),
  ].join('\n')
}
