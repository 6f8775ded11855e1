// The engine of a database, spoken to without a server.
import { createQueue, listMigrations, migrate, type Queue } from '@countersign/queue'
import { withDatabase } from '../../main/boot.ts'
import { processContext, readConfig } from '../../main/config.ts'
import { openLog } from '../../std/log.ts'

export { listMigrations, migrate }

/** Without a worker and without a listening connection; without a URL that of the settings. */
export async function withQueue<T>(database: string | undefined, work: (queue: Queue) => Promise<T>): Promise<T> {
  const on = async (url: string) => {
    const engine = createQueue({ database: { url, max: 2 }, listen: false })
    try {
      return await work(engine)
    } finally {
      await engine.close()
    }
  }
  if (database !== undefined) return on(database)
  const { env, context } = processContext()
  const config = readConfig(env, context)
  return withDatabase(config, openLog({ level: 'warn', pretty: true }), ({ runtimeUrl }) => on(runtimeUrl))
}
