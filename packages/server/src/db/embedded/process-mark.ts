// Tells one process from a later one that was given the same number. Reads only; signals nobody.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const linux = process.platform === 'linux'

/** A stamp that no other process ever has, or null when the process is gone (a zombie is gone). */
export function markOf(pid: number): string | null {
  if (!isThere(pid)) return null
  return linux ? markFromProc(pid) : markFromPs(pid)
}

/** The command line, its words joined by one space; null when the process is gone or may not be looked at. */
export function commandOf(pid: number): string | null {
  if (!linux) return ps(pid, 'command=')
  const line = readProc(`/proc/${pid}/cmdline`)
  return line ? line.replace(/\0+$/, '').replaceAll('\0', ' ') : null
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

// Start time in ticks since boot, and which boot: two processes of one number never share both.
function markFromProc(pid: number): string | null {
  const stat = readProc(`/proc/${pid}/stat`)
  if (!stat) return UNKNOWN
  // The name in parentheses may itself hold spaces and parentheses; the fields after the last one are plain (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return null
  const boot = readProc('/proc/sys/kernel/random/boot_id') ?? ''
  return `${fields[19]}-${boot.slice(0, 8)}`
}

function markFromPs(pid: number): string | null {
  const line = ps(pid, 'stat=,lstart=')
  if (!line) return UNKNOWN
  const [state = '', ...started] = line.split(/\s+/)
  return state.startsWith('Z') ? null : String(Date.parse(started.join(' ')))
}

// It lives, but /proc is hidden from us: better to call it the same process than to take what it holds.
const UNKNOWN = 'unknown'
export const isSameMark = (a: string, b: string): boolean => a === b || a === UNKNOWN || b === UNKNOWN

function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

function ps(pid: number, columns: string): string | null {
  const out = spawnSync('ps', ['-ww', '-o', columns, '-p', String(pid)], { encoding: 'utf8', env: { LC_ALL: 'C' } })
  return out.stdout?.trim() || null
}
