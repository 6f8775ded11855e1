// The three standard streams of a child, and those of a child whose output nobody looks through: its parent's own. What masks them is loaded where it is asked for.

export type Streams = {
  stdio: ('inherit' | 'pipe' | 'ignore' | number)[]
  /** The child stands behind `script`: it says of itself on descriptor 3 how it goes. */
  isTerminal: boolean
  /** What is started in place of the child's command. */
  around(command: readonly string[], shell: string | undefined): readonly string[]
  /** The child has its ends. */
  started(): void
  /** All that it said is where it was to go. */
  end(): Promise<void>
}

export const ownStreams: Streams = {
  stdio: ['inherit', 'inherit', 'inherit'],
  isTerminal: false,
  around: (command) => command,
  started: () => undefined,
  end: async () => undefined,
}
