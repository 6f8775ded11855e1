// What every part of the field editor needs of the whole: what is wrong at a place, and the schema behind the fields. Keeps nothing.
import { createContext, useContext } from 'react'

export type Editing = {
  /** What is said about exactly this place of the definition. */
  wrong: (at: string) => string | undefined
  /** Whether something is said about this place or inside of it. */
  isWrongIn: (at: string) => boolean
  schema: Record<string, unknown>
  onSchema: (schema: Record<string, unknown>) => void
}

const Context = createContext<Editing | null>(null)
export const EditingProvider = Context.Provider

export function useEditing(): Editing {
  const editing = useContext(Context)
  if (!editing) throw new Error('This stands outside of the editor of a form.')
  return editing
}
