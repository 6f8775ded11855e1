// The name of a worker, and how the database learns of it and of what its kinds declare. Never claims, never vouches.
import { hostname } from 'node:os'
import { type Kind, kindSettings } from './kind.ts'
import { registerKinds, registerWorker } from './sql.ts'
import type { Store } from './store.ts'

export type Identity = { id: string; queues: string[]; kinds: ReadonlyMap<string, Kind>; lostAfterMs: number; version: string }

/** Makes a worker and what its kinds declare known to the database. */
export async function announce(store: Store, { kinds, ...worker }: Identity): Promise<void> {
  await registerKinds(store, Object.fromEntries([...kinds].map(([name, kind]) => [name, kindSettings(kind)])))
  await registerWorker(store, { ...worker, kinds: [...kinds.keys()], host: hostname(), pid: process.pid })
}

export const newWorkerId = (): string => `${hostname()}-${process.pid}-${crypto.randomUUID().slice(0, 8)}`
