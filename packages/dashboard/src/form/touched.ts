// Which inputs a person has left. What is wrong with one may only be said then, and not while a button is being pressed: a word that appears would move the button away from under the finger.
import { useEffect, useRef, useState } from 'react'

export function useTouched(): { touched: ReadonlySet<string>; onBlur: (event: { target: EventTarget }) => void } {
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set())
  const waiting = useRef<string[]>([])
  const pressed = useRef(false)

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const down = () => {
      pressed.current = true
    }
    const flush = () => {
      pressed.current = false
      const paths = waiting.current.splice(0)
      if (paths.length > 0) setTouched((before) => new Set([...before, ...paths]))
    }
    // The click comes right behind the release, before any timer.
    const up = () => {
      timer = setTimeout(flush)
    }
    document.addEventListener('pointerdown', down, true)
    document.addEventListener('pointerup', up, true)
    document.addEventListener('pointercancel', up, true)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('pointerdown', down, true)
      document.removeEventListener('pointerup', up, true)
      document.removeEventListener('pointercancel', up, true)
    }
  }, [])

  const onBlur = (event: { target: EventTarget }) => {
    const path = (event.target as HTMLElement).closest('[data-path]')?.getAttribute('data-path')
    if (path === null || path === undefined) return
    if (pressed.current) waiting.current.push(path)
    else setTouched((before) => (before.has(path) ? before : new Set([...before, path])))
  }
  return { touched, onBlur }
}
