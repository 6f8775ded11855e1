// @countersign/sdk/testing: an in-memory server with the wire of the real one, for tests of agents. Nobody has to wait and no port is
// opened: the test gives the answers and moves the clock.

import { Countersign } from '../client.ts'
import type { Clock } from '../clock.ts'
import type { DecideTask, JsonObject, Task } from '../shapes.ts'
import { type TestClock, testClock } from './clock.ts'
import { denialOf } from './question.ts'
import { openServer } from './server.ts'

export { type TestClock, testClock } from './clock.ts'

const KEYS = { agent: `cs_test_agt_${'0'.repeat(35)}A`, person: `cs_test_usr_${'0'.repeat(35)}P` }
const URL_OF_TESTS = 'http://countersign.test'

/** An answer, or a function that makes one of the question; `'deny'` is the one that says no. */
export type TestAnswer = object | 'deny' | ((question: Task) => object | 'deny')

/** What `testServer()` gives. */
export type TestServer = {
  url: string
  key: string
  fetch: typeof fetch
  clock: TestClock
  /** Options for `awaitHuman`, `ask`, `resume` and `new Countersign`, so that they ask here. */
  through: { url: string; key: string; fetch: typeof fetch; clock: Clock; random: () => number }
  /** The agent's client. */
  client: Countersign
  /** The client of a person who may answer, claim and cancel. */
  person: Countersign
  /** Every question asked so far, oldest first, in its present state. */
  questions: Task[]
  /** Answers the oldest question that is open and has no answer waiting, or the next one to be asked. Resolves when it has been given. */
  answerNext(answer: TestAnswer): Promise<Task>
}

/**
 * Starts an in-memory server.
 *
 * @example
 * ```ts
 * import { awaitHuman } from '@countersign/sdk'
 * import { testServer } from '@countersign/sdk/testing'
 * const server = testServer()
 * server.answerNext({ approved: true })
 * const answer = await awaitHuman<{ approved: boolean }>({
 *   ...server.through,
 *   task: 'Refund order 1042?',
 *   response: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
 *   timeout: '2h',
 * })
 * console.log(answer.approved, server.questions[0]?.task)
 * ```
 */
export function testServer(options: { now?: Date | string } = {}): TestServer {
  const clock = testClock(options.now)
  const waiting: ((task: Task) => void)[] = []
  const answered = new Set<string>()
  const server = openServer(clock, URL_OF_TESTS, KEYS, (task) => {
    const give = waiting.shift()
    if (!give) return
    answered.add(task.id)
    queueMicrotask(() => give(task))
  })
  const fetchHere: typeof fetch = async (input, init) => server.fetch(new Request(input, init))
  const through = { url: URL_OF_TESTS, key: KEYS.agent, fetch: fetchHere, clock, random: () => 0 }
  const decide = (task: Task, answer: TestAnswer): Task => {
    const given = typeof answer === 'function' ? (answer as (question: Task) => object | 'deny')(task) : answer
    // Of a proposed call: what is decided, as `{type, args?, response?, reason?}`.
    if (task.action) {
      const verdict = (given === 'deny' ? { type: given } : given) as Omit<DecideTask, 'seen_revision'>
      return server.tasks.decide(task.id, { ...verdict, seen_revision: task.revision })
    }
    const response = given === 'deny' ? denialOf(task) : given
    if (!response) throw new TypeError(`No answer to ${JSON.stringify(task.task)} says no: give the question a verdict.`)
    return server.tasks.decide(task.id, { type: 'respond', response: response as JsonObject, seen_revision: task.revision })
  }
  return {
    url: through.url,
    key: through.key,
    fetch: fetchHere,
    clock,
    through,
    client: new Countersign(through),
    person: new Countersign({ ...through, key: KEYS.person }),
    get questions() {
      return server.tasks.all()
    },
    answerNext(answer) {
      const open = server.tasks
        .all()
        .find((task) => task.status === 'returned' || (task.status === 'open' && !answered.has(task.id)))
      return new Promise((resolve, reject) => {
        const give = (task: Task) => {
          try {
            resolve(decide(task, answer))
          } catch (error) {
            reject(error)
          }
        }
        if (!open) waiting.push(give)
        else {
          answered.add(open.id)
          give(open)
        }
      })
    },
  }
}
