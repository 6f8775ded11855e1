// Whether what an entry of `notify` names exists: asked of its channel, before anything is made or changed (T100).
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import type { Entry } from './grammar.ts'

export async function refuseUnknown(
  { channels }: Pick<TasksHouse, 'channels'>,
  t: Tx,
  scope: Scope,
  entries: readonly Entry[],
): Promise<void> {
  for (const [i, entry] of entries.entries()) {
    const unknown = await unknownIn(channels, t, scope, entry)
    if (unknown === null) continue
    const message = unknown === 'identity' ? 'There is no such identity.' : 'There is no such target.'
    throw new Problem('notify_invalid', { errors: [{ path: `/notify/${i}`, code: `${unknown}_unknown`, message }] })
  }
}

async function unknownIn(
  channels: TasksHouse['channels'],
  t: Tx,
  scope: Scope,
  { channel: name, identity, target }: Entry,
): Promise<'identity' | 'target' | null> {
  const channel = name === 'push' ? undefined : channels.get(name)
  if (channel?.knows) return channel.knows(t, scope, { identity, target })
  return identity === null ? null : 'identity'
}
