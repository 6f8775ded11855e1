// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Db } from '../db/tx.ts'
import type { Replies } from '../http/reply.ts'
import type { Log } from '../std/log.ts'
import type { Tool } from './tool.ts'

export type McpHouse = {
  db: Db
  /** Of every capability, in the order in which they are shown. */
  tools: readonly Tool[]
  replies: Replies
  log: Log
  version: string
  /** Where people reach this server. */
  origin(): string
  /** Pages of these origins may call, as they may call the API (P136). */
  origins: ReadonlySet<string> | '*'
}
