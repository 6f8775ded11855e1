// `countersign run`: a run is opened, the child is started with what leads it to the proxy, the run beats, and ends when the child and its group are gone (V126).
// Nothing listens and nothing is left when this answers. Never shows the run's token to anybody but the child.
import { fileURLToPath } from 'node:url'
import type { Countersign } from '@countersign/sdk'
import { processContext } from '../../main/config.ts'
import { type Output, print } from '../output.ts'
import { codeOf, type Ended, groupingHere, startChild } from './child.ts'
import { childEnvironment, ownOf, relayedOf } from './environment.ts'
import { wayTo } from './forwarder.ts'
import { openHeart } from './heart.ts'
import { PORT_INSIDE, startIsolated } from './isolate.ts'
import { endRun, type Opened, openRun } from './open.ts'
import { openPlace, type Place, sweepPlaces } from './place.ts'
import { openRelay } from './relay.ts'
import type { RunRequest } from './request.ts'
import { openStatus } from './status.ts'

/** Beside what is built, or where the build puts it when this runs from its source. */
const preload = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../../dist/preload.cjs' : './preload.cjs', import.meta.url),
)

export type RunHouse = { client: Countersign; output: Output }

/** The code that the command ends with. */
export async function run(house: RunHouse, request: RunRequest): Promise<number> {
  const note = (text: string): void => house.output.stderr(`countersign: ${text}\n`)
  const status = openStatus(request.statusFd)
  try {
    sweepPlaces(Date.now())
    const opened = await openRun(house.client, request, note)
    if (request.printsEnv) {
      printEnvironment(house.output, request, opened)
      return 0
    }
    const how = await withRun(house, request, opened, note)
    status.ended(how)
    return codeOf(how)
  } catch (error) {
    status.failed(error)
    throw error
  }
}

async function withRun(house: RunHouse, request: RunRequest, opened: Opened, note: (text: string) => void): Promise<Ended> {
  let place: Place | null = null
  let reason = 'not_started'
  try {
    const heart = await openHeart(opened.own, note)
    try {
      place = openPlace(opened.authority)
      const how = await (request.isIsolated ? isolated : beside)({ house, request, opened, place, note })
      reason = 'done'
      return how
    } finally {
      heart.stop()
    }
  } finally {
    place?.remove()
    await sayHowItEnded(opened, reason, note)
  }
}

type Started = { house: RunHouse; request: RunRequest; opened: Opened; place: Place; note(text: string): void }

async function beside({ house, request, opened, place, note }: Started): Promise<Ended> {
  const { run, token, proxy } = opened
  const way = request.isRelayed ? await openRelay(proxy, { id: run.id, token }) : await wayTo(proxy)
  try {
    const env = childEnvironment(inputOf(house.client, request, opened, way.url, place))
    if (request.isRelayed) Object.assign(env, relayedOf(env, way.url, place.store(opened.authority)))
    const child = await startChild(request.command, { env, note, grouping: groupingHere() })
    return await child.ended
  } finally {
    await way.close()
  }
}

async function isolated({ house, request, opened, place, note }: Started): Promise<Ended> {
  const env = childEnvironment(inputOf(house.client, request, opened, new URL(`http://127.0.0.1:${PORT_INSIDE}`), place))
  const to = { proxy: opened.proxy, folder: place.folder }
  const child = await startIsolated(request.command, { env, note, grouping: groupingHere(), ...to })
  try {
    return await child.ended
  } finally {
    await child.close()
  }
}

/** A run whose end is not heard of ends by itself, 90 seconds behind its last beat: no reason to hide how the child ended. */
async function sayHowItEnded({ own, run: { id } }: Opened, reason: string, note: (text: string) => void): Promise<void> {
  try {
    const ended = await endRun(own, reason)
    if (reason === 'done' && ended !== null && ended.used_at === null)
      note('the child opened no proxied connection (docs/proxy/run.md says which programs need more than variables)')
  } catch (error) {
    note(
      `the end of ${id} could not be told to the server (${error instanceof Error ? error.message : String(error)}); it ends by itself`,
    )
  }
}

function inputOf(client: Countersign, request: RunRequest, opened: Opened, proxy: URL, place: Place) {
  return {
    inherited: processContext().env,
    run: { id: opened.run.id, token: opened.token },
    ...{ proxy, place, preload },
    placeholders: opened.placeholders,
    noProxy: request.noProxy,
    clean: request.isClean,
    keepsKey: /^cs_(?:live|test)_agt_/.test(client.settings.key ?? ''),
  }
}

/** For a container: its run does not beat and lives until its time is over, and so do its files. */
function printEnvironment(output: Output, request: RunRequest, opened: Opened): void {
  const place = openPlace(opened.authority, new Date(opened.run.expires_at))
  const { NODE_OPTIONS: _, ...env } = ownOf({
    inherited: {},
    run: { id: opened.run.id, token: opened.token },
    ...{ proxy: new URL(opened.proxy), place, preload: '' },
    placeholders: opened.placeholders,
    noProxy: request.noProxy,
    ...{ clean: true, keepsKey: false },
  })
  print(output, { run: opened.run, env, folder: place.folder }, () => Object.entries(env).map(exported).join('\n'))
  output.stderr(
    `countersign: the run ends ${opened.run.expires_at}, or with \`countersign runs end ${opened.run.id}\`; the container mounts ${place.folder}\n`,
  )
}

/** In single quotes nothing means anything to a shell but the quote itself. */
const exported = ([name, value]: [string, string]): string => `export ${name}='${value.replaceAll("'", `'\\''`)}'`
