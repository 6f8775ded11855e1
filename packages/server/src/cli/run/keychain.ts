// `--trust-keychain` (V132), for Go on macOS, which reads no variable: the run's authority in the login keychain for as long as the command lasts. The system asks the
// person before it takes or gives one up. What a killed command left in there goes with the next start. Holds no key, and touches no authority but a run's own.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment } from '../../main/config.ts'
import { NotStarted } from './child.ts'

/** In a folder of a run whose authority may stand in the keychain: under which name. */
const MARK = 'keychain.json'

export type Keychain = {
  /** `authority`: a certificate in PEM, in the folder of its run. */
  trust(folder: string, authority: string, name: string): void
  /** False: it may still stand there. */
  forget(folder: string, authority: string): boolean
}

export function openKeychain(env: Environment): Keychain {
  const keychain = join(env.HOME ?? '', 'Library/Keychains/login.keychain-db')
  const security = (...words: string[]): boolean =>
    spawnSync('security', words, { env, stdio: ['inherit', 'ignore', 'inherit'] }).status === 0
  const keychainOf = {
    trust(folder: string, authority: string, name: string): void {
      // First, so that a command that is killed in between leaves a trace.
      writeFileSync(join(folder, MARK), JSON.stringify({ name }), { mode: 0o600 })
      if (security('add-trusted-cert', '-r', 'trustRoot', '-p', 'ssl', '-k', keychain, authority)) return
      keychainOf.forget(folder, authority)
      throw new NotStarted(125, '--trust-keychain: the login keychain did not take the authority of the run.')
    },
    forget(folder: string, authority: string): boolean {
      const mark = join(folder, MARK)
      if (!existsSync(mark)) return true
      const { name } = JSON.parse(readFileSync(mark, 'utf8')) as { name: string }
      security('remove-trusted-cert', authority)
      // By its name, which holds the run's id: no other certificate is called so.
      const isGone = security('delete-certificate', '-c', name, keychain) || !security('find-certificate', '-c', name, keychain)
      if (isGone) rmSync(mark)
      return isGone
    },
  }
  return keychainOf
}
