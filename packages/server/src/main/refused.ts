// The end of a start that must not go on, as an error of its own: whoever prints it need not load what was to be started.
/** What the start found wrong, in sentences; the process ends with exit code 78. */
export class BootRefused extends Error {
  readonly lines: readonly string[]
  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.name = 'BootRefused'
    this.lines = lines
  }
}
