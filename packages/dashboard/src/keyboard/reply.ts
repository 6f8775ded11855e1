// The way to a form by `r`, from the page of its task or from its row in the inbox (`?open=respond`): the focus goes to the first thing that can be filled in. Fills in nothing.
import { type RefObject, useEffect, useRef } from 'react'
import { useSearch } from 'wouter'
import { useKeys } from './keys.ts'

const FIELDS = 'input:not([type=hidden]), select, textarea, [contenteditable=true]'

export function useReplyKey<E extends HTMLElement>(allowed: boolean): RefObject<E | null> {
  const box = useRef<E>(null)
  const wanted = new URLSearchParams(useSearch()).get('open') === 'respond'
  const reply = () => {
    const field = box.current?.querySelector<HTMLElement>(FIELDS) ?? box.current?.querySelector<HTMLElement>('button')
    field?.focus()
    field?.scrollIntoView({ block: 'center' })
  }
  useKeys(allowed ? { r: reply } : {})
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the page comes; later the focus is the person's own
  useEffect(() => {
    if (wanted && allowed) reply()
  }, [])
  return box
}
