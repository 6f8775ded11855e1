// Where tests keep databases and homes: in memory, where the machine has room for it, else in the system's temporary folder. What a run that was killed left there
// goes with the next one; what belongs to a process that lives is never touched.
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dataFolder } from '../../packages/server/src/db/embedded/cluster.ts'
import { stopLeftover } from '../../packages/server/src/db/embedded/postmaster.ts'

// Each folder says whose it is: countersign-test-<pid>-….
const OURS = /^countersign-test-(\d+)-/

// Cloning a database is some 300 small files: 15–40 ms in memory, 100–400 ms on the disk of a busy machine. A database that writes through to its files ends in
// 0.3 s there and in 3 s on a disk; what it promises when processes are killed is the same, and no test cuts the power.
const MEMORY = '/dev/shm'
const ENOUGH = 2 * 1024 ** 3

function fastestPlace(): string {
  if (!existsSync(MEMORY) || !existsSync('/proc/mounts')) return tmpdir()
  const options = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find((mount) => mount[1] === MEMORY)?.[3]
  const { bavail, bsize } = statfsSync(MEMORY)
  // PostgreSQL's programs are laid out in its home, so they must be allowed to run there.
  return options && !options.split(',').includes('noexec') && bavail * bsize > ENOUGH ? MEMORY : tmpdir()
}

/** A new folder of this process. Everybody may pass through it, as PostgreSQL's own user must. The caller removes it. */
export function newFolder(): string {
  const folder = mkdtempSync(join(fastestPlace(), `countersign-test-${process.pid}-`))
  chmodSync(folder, 0o711)
  return folder
}

/** Stops and removes what killed runs left behind. A home lies in such a folder, or is it. */
export async function removeLeftovers(): Promise<void> {
  for (const place of new Set([fastestPlace(), tmpdir()]))
    for (const name of readdirSync(place)) {
      const pid = Number(OURS.exec(name)?.[1])
      if (Number.isNaN(pid) || isAlive(pid)) continue
      const folder = join(place, name)
      const inside = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
      for (const home of [folder, ...inside.map((entry) => join(folder, entry.name))])
        if (existsSync(dataFolder(home))) await stopLeftover(dataFolder(home))
      rmSync(folder, { recursive: true, force: true })
    }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
