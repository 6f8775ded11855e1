import { testServer } from '../src/testing/index.ts'
import { describeContract } from './contract.ts'

describeContract('the in-memory server', async () => {
  const server = testServer()
  return { agent: server.client, person: server.person, advance: (by) => server.clock.advance(by) }
})
