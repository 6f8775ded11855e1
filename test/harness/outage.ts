// PostgreSQL without a keeper: what a test switches off stays off until it switches it on again, on the same port.
import { onTestFinished } from 'vitest'
import { findPackage, layOut } from '../../packages/server/src/db/embedded/binaries.ts'
import { dataFolder } from '../../packages/server/src/db/embedded/cluster.ts'
import { openHome } from '../../packages/server/src/db/embedded/home.ts'
import { type Embedded, startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { Postmaster } from '../../packages/server/src/db/embedded/postmaster.ts'

export type Outage = { begin(): Promise<void>; end(): Promise<void> }

/** A new database whose logins are known, and the switch. */
export async function openSwitchable(path: string): Promise<{ database: Embedded; outage: Outage }> {
  const database = await startEmbedded({ home: path })
  await database.stop()
  const { home, account } = openHome(path)
  const start = () =>
    Postmaster.start({
      home,
      data: dataFolder(home),
      postgres: layOut(home, findPackage()).postgres,
      account,
      settings: { listen_addresses: '127.0.0.1', unix_socket_directories: '' },
      pickPort: () => database.port,
    })
  let postmaster = await start()
  onTestFinished(() => postmaster.stop())
  return {
    database,
    outage: {
      begin: () => postmaster.stop(),
      async end() {
        postmaster = await start()
      },
    },
  }
}
