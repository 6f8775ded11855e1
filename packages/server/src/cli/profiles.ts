// countersign profiles …: servers and keys by name, for whoever works in several tenants, since a key belongs to one. Kept in a file that nobody else may
// read. Never prints a key, and takes one from the environment only, where no process list shows it.
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ClientOptions } from '@countersign/sdk'
import type { Command } from 'commander'
import { ConfigRefused, type Environment, processContext } from '../main/config.ts'
import { keyFileOf, readKeyFile } from './key-file.ts'
import { type Output, print, table } from './output.ts'

/** A key, or an agent whose key pair lies in a file beside this one (key-file.ts). */
type Profile = { url: string; key?: string; agent?: { id: string; thumbprint: string } }
type Profiles = Record<string, Profile>

const NAME = /^[a-z0-9][a-z0-9_-]{0,31}$/

export const profilesFile = (env: Environment): string =>
  join(env.XDG_CONFIG_HOME || join(env.HOME ?? '.', '.config'), 'countersign', 'profiles.json')

function read(file: string): Profiles {
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw new ConfigRefused([`${file} can be read by others: chmod 600 ${file}`])
    return JSON.parse(readFileSync(file, 'utf8')) as Profiles
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    if (error instanceof SyntaxError) throw new ConfigRefused([`${file} is not JSON: ${error.message}`])
    throw error
  }
}

/** Whole or not at all: another command may be reading. */
function write(file: string, all: Profiles): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** What `--profile`, else COUNTERSIGN_PROFILE, names; nothing where neither is given. */
export function profileOf(named: string | undefined): ClientOptions {
  const { env } = processContext()
  const name = named ?? env.COUNTERSIGN_PROFILE
  if (!name) return {}
  const profile = read(profilesFile(env))[name]
  if (!profile) throw new ConfigRefused([`There is no profile ${name}: countersign profiles add ${name} --server <url>`])
  const { url, key, agent } = profile
  if (!agent) return { url, key: key ?? null }
  return { url, proof: { key: readKeyFile(keyFileOf(env, agent.thumbprint)).jwk } }
}

export const isProfile = (name: string): boolean => Object.hasOwn(read(profilesFile(processContext().env)), name)

export function keepProfile(name: string, profile: Profile): void {
  if (!NAME.test(name)) throw new ConfigRefused(['A name has 1 to 32 of a-z, 0-9, _ and -.'])
  const file = profilesFile(processContext().env)
  write(file, { ...read(file), [name]: profile })
}

/** The profiles that call with this key pair. */
export const profilesOfKey = (thumbprint: string): string[] =>
  Object.entries(read(profilesFile(processContext().env))).flatMap(([name, { agent }]) =>
    agent?.thumbprint === thumbprint ? [name] : [],
  )

export function profilesCommand(program: Command, output: () => Output): void {
  const profiles = program.command('profiles').description('servers and keys by name, one for each tenant you work in')

  profiles
    .command('list')
    .description('their names and servers')
    .action(() => {
      const all = read(profilesFile(processContext().env))
      const data = Object.entries(all).map(([name, { url }]) => ({ name, url }))
      print(output(), { data }, () =>
        table(
          data.map((one) => [one.name, one.url]),
          ['NAME', 'URL'],
          'No profile yet: COUNTERSIGN_KEY=… countersign profiles add acme --server https://countersign.example.com',
        ),
      )
    })

  profiles
    .command('add <name>')
    .description('keeps COUNTERSIGN_KEY and a server under this name')
    .requiredOption('--server <url>', 'the server of the key')
    .action((name: string, { server }: { server: string }) => {
      const { env } = processContext()
      if (!NAME.test(name)) throw new ConfigRefused(['A name has 1 to 32 of a-z, 0-9, _ and -.'])
      if (!env.COUNTERSIGN_KEY) throw new ConfigRefused(['COUNTERSIGN_KEY is not set: it holds the key to keep.'])
      if (!URL.canParse(server)) throw new ConfigRefused([`${server} is not a URL.`])
      const file = profilesFile(env)
      write(file, { ...read(file), [name]: { url: new URL(server).origin, key: env.COUNTERSIGN_KEY } })
      print(output(), { name, file }, () => `Kept in ${file}. Use it with --profile ${name}.`)
    })

  profiles
    .command('remove <name>')
    .description('forgets it here; the key itself is revoked by `countersign keys revoke`')
    .action((name: string) => {
      const file = profilesFile(processContext().env)
      const { [name]: gone, ...rest } = read(file)
      if (!gone) throw new ConfigRefused([`There is no profile ${name}.`])
      write(file, rest)
      print(output(), { name }, () => `Forgotten: ${name}`)
    })
}
