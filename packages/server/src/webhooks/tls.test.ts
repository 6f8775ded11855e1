// A private authority and a client certificate (P79): given by the endpoint, sealed, and never a way around the check.
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'
import { makeCertificate } from '../http/testing/certificate.ts'
import { deliveriesOf, endpoint } from './testing/receiver.ts'

test('P79 P89 a receiver of a private authority is reached with its certificate alone, is shown ours, and an attempt tells how long TLS took', async () => {
  const [theirs, ours, others] = [await makeCertificate(), await makeCertificate(), await makeCertificate()]
  const shown: (string | undefined)[] = []
  const server = createServer(
    { cert: theirs.cert, key: theirs.key, ca: [ours.cert], requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      shown.push((request.socket as TLSSocket).getPeerCertificate().serialNumber)
      request.resume().on('end', () => response.writeHead(204).end())
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const house = await setup({ settings: { EGRESS_ALLOW: `127.0.0.1:${port}` } })
  const own = { cert: ours.cert, key: ours.key }
  const url = `https://127.0.0.1:${port}/hook`
  const events = ['task.created']
  const [trusted, strict, foreign, bare] = [
    await endpoint(house, url, { events, ca_pem: theirs.cert, client_certificate: own }),
    await endpoint(house, url, { events, client_certificate: own }),
    await endpoint(house, url, { events, ca_pem: others.cert, client_certificate: own }),
    await endpoint(house, url, { events, ca_pem: theirs.cert }),
  ]
  expect(trusted).toMatchObject({ ca_pem: theirs.cert, has_client_certificate: true })
  expect(JSON.stringify(trusted)).not.toContain('PRIVATE KEY')
  const mixed = await house.alice.patch(`/api/v1/endpoints/${bare.id}`, {
    client_certificate: { cert: ours.cert, key: theirs.key },
  })
  expect(mixed.body).toMatchObject({ errors: [{ path: '/client_certificate', code: 'not_a_pair' }] })
  await house.given.task()
  await house.runJobs()
  const rows = new Map((await deliveriesOf(house, 'type=task.created')).map((row) => [row.endpoint_id, row]))
  expect(rows.get(trusted.id)).toMatchObject({ state: 'succeeded' })
  for (const one of [strict, foreign]) expect(rows.get(one.id)).toMatchObject({ state: 'pending', last_class: 'tls' })
  // Without ours the receiver hangs up, at whatever moment its TLS does so.
  expect(rows.get(bare.id)).toMatchObject({ state: 'pending', last_status: null })
  expect(shown).toEqual([ours.serial])
  const { log } = (await house.alice.get(`/api/v1/deliveries/${rows.get(trusted.id)?.id}`)).body
  expect(log[0].tls_ms).toBeGreaterThan(0)
  const { rows: stored } = await house.admin.query(`select string_agg(e::text, ' ') as text from countersign.endpoints e`)
  expect(stored[0].text).not.toContain('PRIVATE KEY')
})
