// The end of something that lives as long as its process: any number of waits listen to it at once, each for no longer than it waits.
import { setMaxListeners } from 'node:events'

/** Node takes more than ten listeners of one signal for a leak; here they are waits, as many as there is work under way. */
export function newEnding(): AbortController {
  const ending = new AbortController()
  setMaxListeners(0, ending.signal)
  return ending
}
