// `--relay` (V129): for programs that cannot authenticate to a proxy, Java among them; who is not of the run gets 407, and nothing is asked or dialled for them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { start } from '../../../../../test/harness/process.ts'
import { withToken } from './relay.ts'
import { testWith } from './testing/programs.ts'
import { grantAll, openRunWorld } from './testing/world.ts'

testWith(
  'curl',
  'V129 §12.18 the child shows no token and is answered; a process that is not of the run gets 407, and no name is asked for',
  async () => {
    const world = await openRunWorld()
    await grantAll(world)
    const running = world.run([
      '--relay',
      '--',
      'sh',
      '-c',
      'echo "at $HTTPS_PROXY"; while [ ! -e go ]; do sleep 0.05; done; curl -sS "$1/relayed"',
      'sh',
      world.origin,
    ])
    const [, relay = ''] = (await running.line(/^at /)).split(' ')
    expect(relay).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const stranger = start('curl', ['-sS', '-m', '30', '-x', relay, `${world.origin}/stranger`])
    expect((await stranger.ended).code).toBe(56)
    expect(stranger.stderr()).toContain('407')
    expect([world.asked(), world.service.seen]).toEqual([[], []])
    writeFileSync(join(world.folder, 'go'), '')
    expect([(await running.ended).code, running.stderr()]).toEqual([0, ''])
    expect(running.stdout()).toContain('GET /relayed')
    expect(world.service.seen).toEqual([{ method: 'GET', url: '/relayed', authorization: `Bearer ${world.canary}` }])
    const after = start('curl', ['-sS', '-m', '30', '-x', relay, world.origin])
    expect((await after.ended).code).toBe(7)
  },
)

test('V129 what a client says of itself is replaced, and each plain request comes on a connection of its own', () => {
  const token = 'Basic x'
  expect(
    withToken('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nProxy-Authorization: Basic y\r\nproxy-connection: keep-alive', token),
  ).toBe('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nProxy-Authorization: Basic x\r\n\r\n')
  expect(withToken('GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: keep-alive', token)).toBe(
    'GET http://a/ HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic x\r\nConnection: close\r\n\r\n',
  )
})

const JAVA = `
import java.net.URI;
import java.net.http.*;
public class Agent {
  public static void main(String[] args) throws Exception {
    var old = (java.net.HttpURLConnection) URI.create(args[0] + "/url").toURL().openConnection();
    System.out.println("url " + old.getResponseCode());
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    System.out.println("client " + client.send(HttpRequest.newBuilder(URI.create(args[0] + "/client")).build(), HttpResponse.BodyHandlers.ofString()).statusCode());
  }
}
`

testWith('java', 'V129 Java, by the relay and a trust store of the run', async () => {
  const world = await openRunWorld()
  await grantAll(world)
  writeFileSync(join(world.folder, 'Agent.java'), JAVA)
  const running = world.run(['--relay', '--', 'java', 'Agent.java', world.origin])
  expect([(await running.ended).code, running.stdout()]).toEqual([0, 'url 200\nclient 200\n'])
  const authorization = `Bearer ${world.canary}`
  expect(world.service.seen).toEqual(['/url', '/client'].map((url) => ({ method: 'GET', url, authorization })))
})
