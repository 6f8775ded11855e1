// What a proposed action is: its members as they are sent and as a task keeps them (T44). Types and limits only.
type Json = Record<string, unknown>

export const ACTION_TYPES = ['accept', 'edit', 'respond', 'ignore', 'deny'] as const
export type ActionType = (typeof ACTION_TYPES)[number]

export type ActionIn = {
  name: string
  args: Json
  args_schema?: Json | null
  description?: string | null
  allow?: ActionType[]
  editable?: string[] | null
  allow_remember?: boolean
}
export type Action = {
  name: string
  args: Json
  args_schema: Json | null
  description: string | null
  allow: ActionType[]
  /** Pointers into `args`; null: all of it. */
  editable: string[] | null
  allow_remember: boolean
}

export const ARGS_BYTES = 1_048_576
