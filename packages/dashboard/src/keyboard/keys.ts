// Keys that act when they are typed outside of inputs and dialogs: single ones, and sequences of two such as `g i` within a second. None of them ever settles a task, and
// whoever cannot use keys of one letter turns them off (WCAG 2.1.4).
import { useEffect, useRef } from 'react'
import { areKeysOn } from './switch.ts'

const SEQUENCE_MS = 1000
// A radio or checkbox takes arrows and space, no letters: the keys of the page go on working there.
const TYPING =
  'textarea, select, dialog, [contenteditable], [role=listbox], [role=combobox], input:not([type=radio], [type=checkbox])'

/** Of a key that is held down only these go on acting. */
const REPEATING = ['j', 'k']

export function useKeys(acts: Readonly<Record<string, () => void>>): void {
  const latest = useRef(acts)
  latest.current = acts
  useEffect(() => {
    let typed = ''
    let at = 0
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.key.length > 1) return
      if (event.isComposing || (event.repeat && !REPEATING.includes(event.key))) return
      if (event.target instanceof Element && event.target.closest(TYPING)) return
      if (!areKeysOn()) return
      typed = event.timeStamp - at < SEQUENCE_MS ? typed.slice(-1) + event.key : event.key
      at = event.timeStamp
      // The second key of a sequence is no key of its own: `g a` goes to the agents and accepts nothing.
      const act = latest.current[typed] ?? (LEADING.test(typed) ? undefined : latest.current[event.key])
      if (!act) return
      event.preventDefault()
      typed = ''
      act()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
}

const LEADING = /^g./
