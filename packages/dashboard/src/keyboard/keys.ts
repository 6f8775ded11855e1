// Keys that act when they are typed outside of inputs and dialogs: single ones, and sequences of two such as `g i` within a second. None of them ever settles a task.
import { useEffect, useRef } from 'react'

const SEQUENCE_MS = 1000
// A radio or checkbox takes arrows and space, no letters: the keys of the page go on working there.
const TYPING = 'textarea, select, dialog, [contenteditable], input:not([type=radio], [type=checkbox])'

export function useKeys(acts: Readonly<Record<string, () => void>>): void {
  const latest = useRef(acts)
  latest.current = acts
  useEffect(() => {
    let typed = ''
    let at = 0
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.key.length > 1) return
      if (event.target instanceof Element && event.target.closest(TYPING)) return
      typed = event.timeStamp - at < SEQUENCE_MS ? typed.slice(-1) + event.key : event.key
      at = event.timeStamp
      const act = latest.current[typed] ?? latest.current[event.key]
      if (!act) return
      event.preventDefault()
      typed = ''
      act()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
}
