// `countersign run`: a run is opened, the child is started with what leads it to the proxy, the run beats, and ends when the child and its group are gone (V126).
// Nothing listens and nothing is left when this answers. Never shows the run's token to anybody but the child.
import { fileURLToPath } from 'node:url'
import type { Countersign } from '@countersign/sdk'
import { processContext } from '../../main/config.ts'
import { type Output, print } from '../output.ts'
import type { Door } from '../tasks.ts'
import { codeOf, type Ended, groupingHere, NotStarted, startChild } from './child.ts'
import { childEnvironment, ownOf, relayedOf } from './environment.ts'
import { wayTo } from './forwarder.ts'
import { openHeart } from './heart.ts'
import { PORT_INSIDE, startIsolated } from './isolate.ts'
import { openKeychain } from './keychain.ts'
import { endRun, type Opened, openRun } from './open.ts'
import { openPlace, type Place, sweepPlaces } from './place.ts'
import { openRelay } from './relay.ts'
import type { RunRequest } from './request.ts'
import { mustBeLong, secretsFor } from './secrets.ts'
import { openStatus } from './status.ts'
import { ownStreams, type Streams } from './streams.ts'
import { startTold } from './told.ts'

/** Beside what is built, or where the build puts it when this runs from its source. */
const built = (name: string): string =>
  fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? `../../../dist/${name}` : `./${name}`, import.meta.url))
const preload = built('preload.cjs')
const beforeTerminal = built('terminal.cjs')

export type RunHouse = { door: Door; client: Countersign; output: Output }

/** The code that the command ends with. */
export async function run(house: RunHouse, request: RunRequest): Promise<number> {
  const note = (text: string): void => house.output.stderr(`countersign: ${text}\n`)
  const status = openStatus(request.statusFd)
  try {
    const keychain = openKeychain(processContext().env)
    sweepPlaces(Date.now(), keychain.forget)
    const known = await knownOf(request)
    const secrets = await secretsOf(house, request)
    const opened = await openRun(house.client, request, note)
    if (request.printsEnv) {
      printEnvironment(house.output, request, opened)
      return 0
    }
    const how = await withRun({ house, request, opened, note, secrets, known: [...known, ...Object.values(secrets)] })
    status.ended(how)
    return codeOf(how)
  } catch (error) {
    status.failed(error)
    throw error
  }
}

/** Values that `--mask-env` names, as they are here. */
async function knownOf({ maskedVariables }: RunRequest): Promise<string[]> {
  if (maskedVariables.length === 0) return []
  const { env } = processContext()
  const { SHORTEST } = await import('./mask/cover.ts')
  return maskedVariables.map((name) => {
    const value = env[name]
    if (value === undefined) throw new NotStarted(125, `--mask-env ${name}: this variable is not set.`)
    mustBeLong('--mask-env', name, value, SHORTEST)
    return value
  })
}

async function secretsOf({ door }: RunHouse, { secrets, signIn, purpose }: RunRequest): Promise<Record<string, string>> {
  if (secrets.length === 0) return {}
  const values = await secretsFor(door, secrets, { signIn, purpose })
  const { SHORTEST } = await import('./mask/cover.ts')
  for (const [name, value] of Object.entries(values)) mustBeLong('--with-secret', name, value, SHORTEST)
  return values
}

type Wanted = {
  house: RunHouse
  request: RunRequest
  opened: Opened
  note(text: string): void
  /** By variable: values for the child alone. */
  secrets: Readonly<Record<string, string>>
  /** What is masked besides the run's token. */
  known: readonly string[]
}

async function withRun(wanted: Wanted): Promise<Ended> {
  const { request, opened, note } = wanted
  const keychain = openKeychain(processContext().env)
  let place: Place | null = null
  let reason = 'not_started'
  try {
    const heart = await openHeart(opened.own, note)
    try {
      place = openPlace(opened.authority)
      if (request.trustsKeychain) keychain.trust(place.folder, place.authority, `Countersign ${opened.run.id}`)
      const streams = request.isMasked ? await masked(wanted, place) : ownStreams
      const started = { ...wanted, place, streams }
      const how = await (request.isIsolated ? isolated(started) : beside(started)).finally(streams.end)
      reason = 'done'
      return how
    } finally {
      heart.stop()
    }
  } finally {
    if (place && letGo(place)) place.remove()
    await sayHowItEnded(opened, reason, note)
  }

  function letGo({ folder, authority }: Place): boolean {
    const isGone = keychain.forget(folder, authority)
    if (!isGone) note('the authority of this run may still stand in the login keychain; the next `countersign run` takes it out')
    return isGone
  }
}

async function masked({ opened: { own, token }, known }: Wanted, place: Place): Promise<Streams> {
  const [{ coversOf }, { formatsOf, OWN_FORMATS }, { maskedStreams }] = await Promise.all([
    import('./mask/cover.ts'),
    import('./mask/formats.ts'),
    import('./mask/streams.ts'),
  ])
  const { routes } = await own.call('GET /runs/self')
  const patterns = [...new Set(routes.flatMap(({ key_patterns: all }) => all))]
  return maskedStreams(place.folder, coversOf([token, ...known], [...OWN_FORMATS, ...patterns.flatMap(formatsOf)]))
}

type Started = Wanted & { place: Place; streams: Streams }

const groupingOf = ({ isTerminal }: Streams) => (isTerminal ? 'terminal' : groupingHere())

async function beside(started: Started): Promise<Ended> {
  const { request, opened, place, note, streams } = started
  const { run, token, proxy } = opened
  const way = request.isRelayed ? await openRelay(proxy, { id: run.id, token }) : await wayTo(proxy)
  try {
    const env = childEnvironment(inputOf(started, way.url))
    if (request.isRelayed) Object.assign(env, relayedOf(env, way.url, place.store(opened.authority)))
    const options = { env, note, grouping: groupingOf(streams) }
    if (streams.isTerminal) {
      const command = [process.execPath, beforeTerminal, '--', ...request.command]
      return await (await startTold(command, { ...options, streams, missing: '', failed: '' })).ended
    }
    const child = await startChild(request.command, { ...options, stdio: streams.stdio })
    streams.started()
    return await child.ended
  } finally {
    await way.close()
  }
}

async function isolated(started: Started): Promise<Ended> {
  const { request, opened, place, note, streams } = started
  const env = childEnvironment(inputOf(started, new URL(`http://127.0.0.1:${PORT_INSIDE}`)))
  const to = { proxy: opened.proxy, folder: place.folder }
  const child = await startIsolated(request.command, { env, note, grouping: groupingOf(streams), streams, ...to })
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

function inputOf({ house: { client }, request, opened, place, secrets }: Started, proxy: URL) {
  return {
    inherited: processContext().env,
    run: { id: opened.run.id, token: opened.token },
    ...{ proxy, place, preload },
    placeholders: { ...opened.placeholders, ...secrets },
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
