// A definition that changes under requests that run (vault.md §10.2): whichever version a request was decided under, all of what is injected is of that one. A real proxy process.
import { expect, test } from 'vitest'
import { ask, HOST, openEdge } from '../../packages/server/src/main/node/testing/edge.ts'
import type { Definition } from '../../packages/server/src/vault/providers/definition.ts'
import { ALPHA } from '../../packages/server/src/vault/testing/vault.ts'

const CHANGES = 8
const AT_ONCE = 4

test('V5 V91 §10.2 definition approved while requests run: each request is decided under one version end to end, and later ones under the new one, without a restart', async () => {
  const edge = await openEdge()
  const { house } = edge
  const port = Number(edge.target.split(':')[1])
  const of = (version: number): Definition => ({
    ...ALPHA,
    hosts: [{ host: HOST, port }],
    facts: {},
    inject: [
      { where: 'header', name: 'authorization', template: `V${version} {{api_key}}` },
      { where: 'query', name: 'by', template: `v${version}-{{api_key}}` },
    ],
  })
  // What an approval leaves behind, without what holds grants back until they are confirmed.
  const approve = async (version: number) => {
    await edge.define(of(version), version)
    await house.admin
      .run`update connections set definition_version = ${version}, revision = revision + 1 where id = ${edge.connectionId}`
  }
  await approve(3)
  const proxy = await edge.proxy('edge-1', { COUNTERSIGN_PROXY_STALE_AFTER: '10s' })
  const run = await edge.openRun()
  const newest = () => Number(/^V(\d+) /.exec(edge.seen.at(-1)?.authorization ?? '')?.[1])

  let isOver = false
  const statuses: number[] = []
  const callers = Array.from({ length: AT_ONCE }, async () => {
    while (!isOver) statuses.push((await ask(edge, proxy.port, run, '/v1/things')).status)
  })
  for (let version = 4; version < 4 + CHANGES; version++) {
    await approve(version)
    await expect.poll(newest, { timeout: 60_000, interval: 10 }).toBe(version)
  }
  isOver = true
  await Promise.all(callers)

  expect(new Set(statuses)).toEqual(new Set([200]))
  const versions = edge.seen.map(({ url, authorization = '' }) => [
    /^V(\d+) (.*)$/.exec(authorization)?.slice(1),
    /\?by=v(\d+)-(.*)$/.exec(url)?.slice(1),
  ])
  for (const [header, query] of versions) {
    expect(header).toEqual(query)
    expect(header?.[1]).toBe(edge.canary)
  }
  expect(new Set(versions.map(([header]) => header?.[0])).size).toBeGreaterThanOrEqual(CHANGES)
}, 180_000)
