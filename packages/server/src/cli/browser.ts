// A page, opened where there is something to open it with; the address is printed by whoever asks for it.
import { spawn } from 'node:child_process'
import type { Environment } from '../main/config.ts'

/** Whether somebody wants one and this machine could show it. */
export const canOpenBrowser = (wanted: boolean, { DISPLAY, WAYLAND_DISPLAY }: Environment): boolean =>
  wanted && (process.platform !== 'linux' || Boolean(DISPLAY || WAYLAND_DISPLAY))

export function openBrowser(url: string): void {
  // What a server says goes to a program of this machine: pages only.
  if (!/^https?:\/\//.test(url)) return
  const [command, ...rest] = process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['explorer'] : ['xdg-open']
  const child = spawn(command as string, [...rest, url], { stdio: 'ignore', detached: true })
  child.on('error', (error) => process.stderr.write(`No browser could be opened (${(error as NodeJS.ErrnoException).code}).\n`))
  child.unref()
}
