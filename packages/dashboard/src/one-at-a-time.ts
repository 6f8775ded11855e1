// Many reasons to do one thing: it runs once at a time, and once more afterwards if it was wanted meanwhile. A storm of events so becomes a steady reading.
export function oneAtATime(act: () => Promise<unknown>): () => void {
  let running = false
  let wanted = false
  const run = async () => {
    running = true
    do {
      wanted = false
      await act()
    } while (wanted)
    running = false
  }
  return () => {
    if (running) wanted = true
    else void run()
  }
}
