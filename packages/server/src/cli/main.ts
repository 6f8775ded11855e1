// countersign: the command. Each command is a thin skin over the API or over main/; it holds no rule of the product.
import { CommanderError } from 'commander'
import { exitCode, printError } from './output.ts'
import { commandLine } from './program.ts'

const { program, output } = commandLine()
try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else {
    printError(output(), error)
    process.exitCode = exitCode(error)
  }
}
