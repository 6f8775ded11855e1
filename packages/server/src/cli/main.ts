// countersign: the command. Each command is a thin skin over the API or over main/; it holds no rule of the product.
import { CommanderError } from 'commander'
import { ourWords } from './aliases.ts'
import { globalsFirst } from './global-flags.ts'
import { exitCode, printError } from './output.ts'
import { commandLine } from './program.ts'
import { NOT_STARTED } from './run.ts'
import { refuseSecrets } from './secret-words.ts'

const { program, output } = commandLine()
try {
  const words = process.argv.slice(2)
  refuseSecrets(words)
  const said = ourWords(program, words, (note) => words.includes('--quiet') || process.stderr.write(note))
  await program.parseAsync(globalsFirst(program, said), { from: 'user' })
} catch (error) {
  if (!(error instanceof CommanderError && error.exitCode === 0)) {
    printError(output(), error)
    process.exitCode = program.args[0] === 'run' ? NOT_STARTED : exitCode(error)
  }
}
