// A graph whose draft a person approves. The graph stops while nobody has answered: this process may end, and the next one goes on from the file.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { awaitHuman, pendingQuestions, resumeWhenAnswered } from '@countersign/sdk/langgraph'
import { Annotation, END, MemorySaver, START, StateGraph } from '@langchain/langgraph'
import { z } from 'zod'

/** Checkpoints in one file; use the framework's own savers for a database. */
class FileSaver extends MemorySaver {
  readonly #path: string

  constructor(path: string) {
    super()
    this.#path = path
    const bytes = (_: string, value: unknown) =>
      Array.isArray((value as { bytes?: unknown } | null)?.bytes) ? Uint8Array.from((value as { bytes: number[] }).bytes) : value
    try {
      Object.assign(this, JSON.parse(readFileSync(path, 'utf8'), bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  #keep(): void {
    const text = JSON.stringify({ storage: this.storage, writes: this.writes }, (_, value: unknown) =>
      value instanceof Uint8Array ? { bytes: [...value] } : value,
    )
    writeFileSync(`${this.#path}.new`, text)
    renameSync(`${this.#path}.new`, this.#path)
  }

  override async put(...args: Parameters<MemorySaver['put']>) {
    const put = await super.put(...args)
    this.#keep()
    return put
  }

  override async putWrites(...args: Parameters<MemorySaver['putWrites']>) {
    await super.putWrites(...args)
    this.#keep()
  }
}

const State = Annotation.Root({ draft: Annotation<string>, published: Annotation<boolean> })

const graph = new StateGraph(State)
  .addNode('write', () => ({ draft: 'Our parcels are late this week. We are sorry.' }))
  .addNode('review', async ({ draft }, config) => {
    const { publish } = await awaitHuman(
      { task: 'Publish this?', payload: { draft }, response: z.object({ publish: z.boolean() }), timeout: '1d' },
      config,
    )
    return { published: publish }
  })
  .addEdge(START, 'write')
  .addEdge('write', 'review')
  .addEdge('review', END)
  .compile({ checkpointer: new FileSaver(process.argv[2] ?? 'graph.json') })

const thread = 'notice-7'
const config = { configurable: { thread_id: thread } }
const { values } = await graph.getState(config)
// A thread that is not new goes on where it stopped.
await graph.invoke(values.draft ? null : {}, config)
const [waiting] = await pendingQuestions(graph, thread)
if (waiting) console.log(`waiting: ${waiting.url}`)
const done = (await resumeWhenAnswered(graph, thread)) as typeof State.State
console.log(done.published ? `published: ${done.draft}` : 'not published')
