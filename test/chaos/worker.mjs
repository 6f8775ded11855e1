// A worker process that will be killed. It says each thing that happens to a job as one line, written at once: what a kill -9 leaves unsaid did not happen here.
//   S id attempt lease   the handler was entered        E id   it returned        A id outcome   its settlement was acknowledged, and was not stale
import { writeSync } from 'node:fs'
import { createQueue, defineKind } from '@countersign/queue'

const { url, listen, concurrency, heartbeat, lostAfter, handlerMs, deadline } = JSON.parse(process.env.CHAOS_WORKER)

function say(line) {
  for (let text = `${line}\n`; text !== ''; ) {
    try {
      text = text.slice(writeSync(1, text))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error // the reader is behind: the line still has to go
    }
  }
}

const work = defineKind('chaos', {
  maxAttempts: 1000,
  maxCrashes: 0,
  // A claim whose answer was lost with its connection is in nobody's hands; its attempt ends by this.
  deadline,
  async run(job) {
    say(`S ${job.id} ${job.attempt} ${job.lease}`)
    const ms = job.payload.ms ?? handlerMs
    if (ms > 0) await new Promise((resume) => setTimeout(resume, ms))
    say(`E ${job.id}`)
  },
})
const queue = createQueue({
  database: { url, max: 5 },
  kinds: [work],
  listen,
  onSettled: ({ id }, outcome, stale) => {
    if (!stale) say(`A ${id} ${outcome}`)
  },
  log: Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map((level) => [
      level,
      (fields, message) => {
        if (level === 'error') process.stderr.write(`${message}: ${fields.err?.stack ?? JSON.stringify(fields)}\n`)
      },
    ]),
  ),
})
queue.work({ queues: { chaos: {} }, concurrency, heartbeat, lostAfter })
process.on('message', async ({ ask, id }) => {
  if (ask === 'health') process.send({ id, health: await queue.health() })
})
process.on('SIGTERM', () => {
  void queue.close({ grace: '5s' }).then(() => process.exit(0))
})
process.on('disconnect', () => process.exit(0))
process.send({ ready: true })
