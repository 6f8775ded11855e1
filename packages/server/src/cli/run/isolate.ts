// `--isolate` (V130): the child in a user and a network namespace of its own, whose only way out is a socket in the run's folder that leads to the proxy. Where the kernel
// makes none, nothing starts: never a child that is less apart than was asked for. Linux alone.
import { fileURLToPath } from 'node:url'
import { type Ended, NotStarted } from './child.ts'
import { dialOf, forwarding, listen } from './forwarder.ts'
import { startTold, type ToldOptions } from './told.ts'

/** Nobody else listens in there. */
export const PORT_INSIDE = 7980

/** What is started in there, beside what is built. */
const inside = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../../dist/isolated.cjs' : './isolated.cjs', import.meta.url),
)

const NO_NAMESPACES = '--isolate: this machine lets you make no namespaces (docs/proxy/run.md says how it is allowed).'

export type Isolated = { ended: Promise<Ended>; close(): Promise<void> }

export async function startIsolated(
  command: readonly string[],
  { proxy, folder, ...options }: Omit<ToldOptions, 'missing' | 'failed'> & { proxy: string; folder: string },
): Promise<Isolated> {
  if (process.platform !== 'linux') throw new NotStarted(125, '--isolate is for Linux: no other system has namespaces.')
  const path = `${folder}/proxy.sock`
  const server = forwarding(dialOf(proxy))
  await listen(server, { path })
  try {
    const ids = [process.getuid?.() ?? 0, process.getgid?.() ?? 0].map(String)
    const words = [process.execPath, inside, path, String(PORT_INSIDE), options.grouping, ...ids, '--', ...command]
    const child = await startTold(['unshare', '--user', '--map-root-user', '--net', '--', ...words], {
      ...options,
      missing: '--isolate needs `unshare`, which is a part of util-linux.',
      failed: NO_NAMESPACES,
    })
    return { ended: child.ended, close: server.end }
  } catch (error) {
    await server.end()
    throw error
  }
}
