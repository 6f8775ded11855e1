// What every input of one form shares, so that it need not be handed down by hand: what is wrong where, whether anything may be typed, and how the fields inside of a field are drawn.
import type { Drafts, Field } from '@countersign/sdk/form'
import { type ComponentType, createContext, useContext } from 'react'
import type { FieldErrors } from '../problem.ts'

export type FieldsProps = {
  fields: readonly Field[]
  /** Where the fields stand: the answer itself, or an entry of a list. */
  base: string
  drafts: Drafts
  wide?: boolean
  onChange: (drafts: Drafts) => void
}

export type FormContext = {
  errors: FieldErrors
  disabled: boolean
  /** Remote images come through the guarded fetch, after a click; without it they open in a page of their own. */
  loadImage: ((url: string) => Promise<string>) | undefined
  Fields: ComponentType<FieldsProps>
}

const Context = createContext<FormContext | null>(null)
export const FormProvider = Context.Provider

export function useForm(): FormContext {
  const context = useContext(Context)
  if (!context) throw new Error('An input stands outside of a form.')
  return context
}
