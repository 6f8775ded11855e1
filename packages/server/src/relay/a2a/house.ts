// What the A2A face needs beside its room; main wires it once.
import type { Replies } from '../../http/reply.ts'
import type { WaitSlots } from '../../tasks/wait-slots.ts'
import type { RelayHouse } from '../house.ts'

export type A2aHouse = RelayHouse & {
  /** Stored replies, for sends that carry a key in their metadata as well as for those with the header. */
  replies: Replies
  /** How many waits of one caller are open at once. */
  slots: WaitSlots
  /** How long a blocking send waits for its turn to come back. */
  waitSeconds: number
}
