// Whether keys of one letter act in this browser. On unless somebody has turned them off: speech input and unsteady hands type letters that nobody meant (WCAG 2.1.4).
import { useSyncExternalStore } from 'react'

const NAME = 'countersign.keys'
const OFF = 'off'

const listeners = new Set<() => void>()

export const areKeysOn = (): boolean => storage()?.getItem(NAME) !== OFF

/** None inside of a page of another site, where the browser may keep it shut. */
function storage(): Storage | null {
  try {
    return localStorage
  } catch (error) {
    if (error instanceof DOMException) return null
    throw error
  }
}

export function turnKeys(on: boolean): void {
  if (on) storage()?.removeItem(NAME)
  else storage()?.setItem(NAME, OFF)
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  // Another tab of the same browser.
  window.addEventListener('storage', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('storage', listener)
  }
}

export const useKeysOn = (): boolean => useSyncExternalStore(subscribe, areKeysOn)
