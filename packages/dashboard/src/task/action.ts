// A proposed action as the page reads it: from the tree that keeps every digit. Decides nothing.
import type { Task } from '@countersign/sdk'
import { plain, type Shown } from '../exact.ts'
import type { Schema } from './compare.ts'

export type ActionType = 'accept' | 'edit' | 'respond' | 'ignore' | 'deny'
export type Action = {
  name: string
  description: string | null
  args: Map<string, Shown>
  schema: Schema | null
  allow: ActionType[]
  editable: string[] | null
}

/** Null where the task proposes none, or where its content may not be seen here. */
export function readAction(shown: Shown): Action | null {
  if (!(shown instanceof Map)) return null
  const [name, args] = [shown.get('name'), shown.get('args')]
  if (typeof name !== 'string' || !(args instanceof Map)) return null
  const description = shown.get('description')
  return {
    name,
    args,
    description: typeof description === 'string' && description !== '' ? description : null,
    schema: plain(shown.get('args_schema') ?? null) as Schema | null,
    allow: plain(shown.get('allow') ?? []) as ActionType[],
    editable: plain(shown.get('editable') ?? null) as string[] | null,
  }
}

export const isAction = (task: Task): boolean => task.action !== null && task.action !== undefined
