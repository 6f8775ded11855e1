// One process at a time owns a state folder. The claim is an empty file named after its process, so a claim of a dead process is never mistaken
// for a living one. Never waits for another owner to go: it says who holds the folder and how to stop it.
import { closeSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { backoffMs } from '../../std/backoff.ts'
import { isSameMark, markOf } from './process-mark.ts'
import { refusal } from './refusal.ts'

type Owner = { release(): void }

type Claim = { file: string; pid: number; mark: string; since: Date }

// Two starts in the same moment see each other's claim and both step back; only a claim this young can be such a start.
const SAME_MOMENT_MS = 2_000
const TRIES = 6
const CLAIM = /^owner\.(\d+)\.(.+)$/

export async function takeOwnership(home: string): Promise<Owner> {
  const mine = join(home, `owner.${process.pid}.${markOf(process.pid)}`)
  for (let attempt = 1; ; attempt++) {
    const holder = claim(home, mine)
    if (!holder) return { release: () => rmSync(mine, { force: true }) }
    if (holder.isSettled || attempt === TRIES) throw heldBy(home, holder)
    await pause(backoffMs(attempt, { firstMs: 40, maxMs: 400 }))
  }
}

// First the claim, then the look around: of two at once at least the later sees the earlier, so never do both go on.
function claim(home: string, mine: string): (Claim & { isSettled: boolean }) | null {
  if (!createNew(mine)) {
    const own = claims(home).find((one) => one.file === mine)
    return own ? { ...own, isSettled: true } : claim(home, mine)
  }
  const now = statSync(mine).mtimeMs
  for (const other of claims(home)) {
    if (other.file === mine) continue
    const mark = markOf(other.pid)
    if (mark !== null && isSameMark(mark, other.mark)) {
      rmSync(mine, { force: true })
      return { ...other, isSettled: now - other.since.getTime() > SAME_MOMENT_MS }
    }
    rmSync(other.file, { force: true })
  }
  return null
}

/** Whether a living process owns the folder; it claims nothing. */
export const isOwned = (home: string): boolean =>
  claims(home).some((one) => {
    const mark = markOf(one.pid)
    return mark !== null && isSameMark(mark, one.mark)
  })

function createNew(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx', 0o600))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function claims(home: string): Claim[] {
  return readdirSync(home).flatMap((name) => {
    const [, pid, mark] = CLAIM.exec(name) ?? []
    const file = join(home, name)
    const stat = pid && statSync(file, { throwIfNoEntry: false }) // may be given up while we look
    return stat && mark ? [{ file, pid: Number(pid), mark, since: stat.mtime }] : []
  })
}

function heldBy(home: string, holder: Claim): Error {
  const who = holder.pid === process.pid ? `this very process (${holder.pid})` : `process ${holder.pid}`
  return refusal(
    `The database in ${home} is in use by ${who}, since ${holder.since.toISOString()}. ` +
      `Stop that one first (Ctrl-C in its terminal, or: kill ${holder.pid}), or choose another folder with COUNTERSIGN_HOME.`,
  )
}
