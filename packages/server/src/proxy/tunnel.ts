// A tunnel that nobody looks into, because policy lets this host pass so (V95): the name in TLS must still be the one that was asked for, and the address is
// judged like every other. Only bytes are counted. Nothing is ever added to it.
import type { Socket } from 'node:net'
import { readAuthority } from './authority.ts'
import { serverNameOf } from './client-hello.ts'
import type { Cuts } from './cuts.ts'
import { ignore, type Sink, step } from './flow.ts'
import type { Gatekeeper, OpenRun, Target } from './gatekeeper.ts'
import { rawEnds } from './http1/serve.ts'

export function joinBlindly(
  house: { gatekeeper: Gatekeeper; cuts: Cuts; idleMs: number },
  { run, target, id }: { run: OpenRun; target: Target; id: string },
  client: Socket,
  upstream: Socket,
): void {
  const began = performance.now()
  const bytes = { up: 0, down: 0 }
  let open = true
  const end = () => {
    if (!open) return
    open = false
    done()
    client.destroy()
    upstream.destroy()
    house.gatekeeper.tunnelled(id, { ...bytes, totalMs: performance.now() - began, fault: null })
  }
  const done = house.cuts.add({ runId: run.id, connectionId: null, counted: true, cut: end })
  client.on('close', end)
  upstream.on('close', end)
  client.on('error', ignore)
  upstream.on('error', ignore)
  client.on('timeout', end)
  upstream.on('timeout', end)
  const here = rawEnds(client, Buffer.alloc(0), house.idleMs)
  const there = rawEnds(upstream, Buffer.alloc(0), house.idleMs)
  there.from.into(counted(here.to, (count) => (bytes.down += count)))
  here.from.into(
    named(
      counted(there.to, (count) => (bytes.up += count)),
      target.host,
      end,
    ),
  )
}

const counted = (to: Sink, seen: (count: number) => void): Sink =>
  step(to, {
    write(chunk) {
      seen(chunk.length)
      return to.write(chunk)
    },
    end: (trailers) => to.end(trailers),
  })

/** Lets the first message through once its name is known to be the right one. */
function named(to: Sink, host: string, refuse: () => void): Sink {
  let first: Buffer | null = Buffer.alloc(0)
  return step(to, {
    write(chunk) {
      if (first === null) return to.write(chunk)
      first = Buffer.concat([first, chunk])
      const name = serverNameOf(first)
      if (name === 'more') return true
      if (name === 'invalid' || (name !== 'none' && readAuthority(name.name)?.host !== host)) {
        refuse()
        return true
      }
      const hello = first
      first = null
      return to.write(hello)
    },
    end: (trailers) => to.end(trailers),
  })
}
