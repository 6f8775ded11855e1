import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')

/** A site with pictures of its own, and what was asked of it. */
async function site(): Promise<{ origin: string; asked: string[]; settings: Record<string, string> }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.cookie ?? ''}`.trim())
    if (request.url === '/a.png') response.end(PNG)
    else if (request.url === '/page.png') response.end('<script>1</script>')
    else if (request.url === '/drawing.svg') response.end('<svg xmlns="http://www.w3.org/2000/svg"/>')
    else if (request.url === '/huge.png') response.end(Buffer.concat([PNG, Buffer.alloc(10 * 1024 * 1024)]))
    else response.writeHead(404).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, asked, settings: { EGRESS_ALLOW: `127.0.0.1:${port}`, EGRESS_HTTP: '1' } }
}

test('T86 an image comes through the guarded door once it is asked for, and only one that the task shows and that is one', async () => {
  const { origin, asked, settings } = await site()
  const house = await setup({ settings })
  const names = ['a.png', 'page.png', 'drawing.svg', 'huge.png', 'gone.png']
  const task = await house.given.task({
    description: names.map((name) => `![x](${origin}/${name})`).join(' '),
    payload: { at: 'http://10.0.0.1/i.png' },
  })
  expect(asked).toEqual([])
  const load = async (url: string, who = house.alice) => {
    const { status, body } = await who.post(`/api/v1/tasks/${task.id}/images`, { url })
    return status === 200 ? body : `${status} ${body.code}`
  }
  expect(await load(`${origin}/a.png`)).toEqual({
    type: 'image/png',
    bytes: PNG.length,
    data_url: `data:image/png;base64,${PNG.toString('base64')}`,
  })
  expect(asked).toEqual(['/a.png'])
  expect(await load(`${origin}/page.png`)).toBe('415 file_type_not_allowed')
  expect(await load(`${origin}/drawing.svg`)).toBe('415 file_type_not_allowed')
  expect(await load(`${origin}/huge.png`)).toBe('502 too_large')
  expect(await load(`${origin}/gone.png`)).toBe('502 unreachable')
  expect(await load(`${origin}/elsewhere.png`)).toBe('404 not_found')
  expect(await load('http://10.0.0.1/i.png')).toBe('422 url_not_allowed')
  const stranger = await house.given.user({ role: 'reviewer' })
  expect(await load(`${origin}/a.png`, stranger)).toBe('404 not_found')
  expect(asked).not.toContain('/elsewhere.png')
})
