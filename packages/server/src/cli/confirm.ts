// The question before what cannot be taken back. It names what it would touch and where; a script that nobody watches says --yes.
import { Problem } from '@countersign/sdk'
import { GivenUp, usage } from './output.ts'
import type { Door } from './tasks.ts'

/** Where a command acts, without the password that a URL may hold. */
export function targetOf(url: string): string {
  try {
    const shown = new URL(url)
    if (shown.password) shown.password = '***'
    return shown.href.replace(/\/$/, '')
  } catch (cause) {
    throw new Problem('settings_invalid', { detail: 'The address is not a URL.' }, { cause })
  }
}

/** Returns when the act may go on; throws when the answer is anything but yes. */
export async function confirm(door: Door, what: string, where: string, yes: boolean | undefined): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY) throw usage(`${what} on ${where} needs --yes where nobody can be asked.`)
  const answer = await door.ask(`${what} on ${where}? Type yes: `)
  if (answer !== 'yes') throw new GivenUp()
}
