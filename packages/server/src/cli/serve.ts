// countersign serve: the server in the foreground, until a signal ends it.
import { type Command, Option } from 'commander'
import type { ServeFlags } from './beside/serve.ts'
import type { Output } from './output.ts'

export function serveCommand(program: Command, output: () => Output): void {
  program
    .command('serve')
    .description('run the server with the settings of the environment (docs/config.md)')
    .option('--roles <roles>', 'what this process does: web, worker, maintenance, callbacks, default all four; or proxy')
    .option('--port <port>', 'the port to listen on')
    .option('--host <address>', 'the address to listen on')
    .option('--callbacks-port <port>', 'the port of the callback listener')
    .option('--callbacks-host <address>', 'the address of the callback listener')
    .option('--probes-port <port>', 'the port of a listener for probes alone')
    .option('--allow-unsigned', 'callbacks without a signature; only at a private address of their own listener')
    .addOption(
      new Option('--handed', 'a proxy that another process starts: it reads what it is over its standard input').hideHelp(),
    )
    .action(async (flags: ServeFlags) => (await import('./beside/serve.ts')).serve(flags, output()))
}
