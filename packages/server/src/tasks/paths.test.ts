// Every path ends in the same verb (T4): read from the sources, so that a new path is held to it from its first day. A skin is what people and programs come in by:
// routes, jobs, commands, tools, channels, links and embeds.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

type Source = { path: string; text: string; imports: { from: string; names: string[] }[] }

const IMPORT = /import\s+(type\s+)?(?:\{([^}]*)\}|[\w*]+(?:\s+as\s+\w+)?)\s+from\s+'([^']+)'/g

/** Who imports whom, and which names of it; a type does nothing, so it is none of them. */
function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const imports = [...text.matchAll(IMPORT)]
    .filter((match) => match[3]?.startsWith('.'))
    .map(([, isType, names = '', from]) => ({
      from: normalize(join(dirname(path), from as string)),
      names: isType ? [] : names.split(',').flatMap((name) => /^\s*(?!type\s)(\w+)/.exec(name)?.[1] ?? []),
    }))
  return { path, text, imports }
}

const sources = ['tasks', 'cli', 'mcp', 'jobs'].flatMap((room) =>
  readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(?:test|fixture)\.ts$|(?:^|\/)testing\//.test(file))
    .map((file) => read(`${room}/${file}`)),
)

/** Whoever asks for one of these names out of a file that defines it. */
const importersOf = (name: string, definedIn: string): string[] =>
  sources
    .filter(({ imports }) => imports.some(({ from, names }) => from === definedIn && names.includes(name)))
    .map(({ path }) => path)

const isSkin = (path: string): boolean =>
  /^(?:cli|mcp)\//.test(path) || /^tasks\/(?:channels|links|embed)\//.test(path) || /\/(?:routes|jobs|shapes)\.ts$/.test(path)

test('T4 T103 an answer comes in by these paths, and each of them calls decideTask: through a channel or a link in one place', () => {
  expect(importersOf('decideTask', 'tasks/decision.ts').sort()).toEqual([
    'tasks/channels/receive.ts',
    'tasks/compatible.ts',
    'tasks/routes.ts',
  ])
  // Each door of a channel hands what came to it there. An embedded page calls the route with its token, and the command is a client of the API.
  expect(importersOf('receiveBy', 'tasks/channels/receive.ts').sort()).toEqual([
    'tasks/channels/email/routes.ts',
    'tasks/channels/slack/routes.ts',
    'tasks/channels/webhook/routes.ts',
    'tasks/links/routes.ts',
  ])
})

test('T4 T103 no channel and no link calls a verb of tasks by itself', () => {
  const verbs = /\b(?:decideTask|claimTask|releaseTask|addComment|sendBack|cancelTask|expireTask|reassignTask|withdrawVote)\(/
  const calls = sources.filter(
    ({ path, text }) => /^tasks\/(?:channels|links)\//.test(path) && verbs.test(text.replace(/^\s*\/\/.*$/gm, '')),
  )
  expect(calls.map(({ path }) => path)).toEqual(['tasks/channels/receive.ts'])
})

/** Statements of this room that write a task or a decision, by name and file. */
const writes = sources
  .filter(({ path }) => /^tasks\/.*sql\.ts$/.test(path))
  .flatMap(({ path, text }) =>
    text
      .split(/\n(?=export )/)
      .filter((part) => /(?:update|insert into) (?:tasks|decisions)\b/.test(part))
      .flatMap((part) => /^export const (\w+)/.exec(part)?.slice(1) ?? [])
      .map((name) => ({ path, name })),
  )

test('T4 tasks and decisions are written by verbs alone: no skin has such a statement in its hands', () => {
  const names = writes.map(({ name }) => name)
  for (const known of ['insertDecisions', 'decideIfOpen', 'completeIfOpen', 'verifyIfOpen', 'expireIfDue', 'cancelIfNotFinal'])
    expect(names).toContain(known)
  expect(
    writes.flatMap(({ name, path }) =>
      importersOf(name, path)
        .filter(isSkin)
        .map((skin) => `${skin} ${name}`),
    ),
  ).toEqual([])
})

/** What says who may answer, whether an answer fits, what it means, and what follows from it. */
const RULES = [
  ...['tasks/may-decide.ts', 'tasks/decided.ts', 'tasks/decision-judgement.ts', 'tasks/judgement.ts', 'tasks/attested.ts'],
  ...['tasks/verdict.ts', 'tasks/settle.ts', 'tasks/actions/action.ts', 'tasks/actions/edit.ts', 'tasks/actions/policy.ts'],
  ...['tasks/quorum/count.ts', 'tasks/quorum/eligible.ts', 'tasks/quorum/vote.ts', 'tasks/quorum/answer.ts'],
  ...[
    'tasks/verifiers/hold.ts',
    'tasks/verifiers/understood.ts',
    'tasks/verifiers/verification.ts',
    'tasks/challenge/challenge.ts',
  ],
]

test('T4 no route, job, command, tool or channel has a rule of its own about deciding: it imports none', () => {
  const held = sources
    .filter(({ path }) => isSkin(path))
    .flatMap(({ path, imports }) =>
      imports.flatMap(({ from, names }) =>
        RULES.includes(from) ? names.filter((name) => !NOT_RULES.includes(name)).map((name) => `${path} ${name}`) : [],
      ),
    )
  expect(held).toEqual([])
})

/** Names of things, and a way to say that something is wrong with a member. */
const NOT_RULES = ['ASSURANCES', 'invalid', 'taskTopic']

test('T4 T103 channels import neither each other nor SQL of tasks', () => {
  const crossed = sources.flatMap(({ path, imports }) => {
    const own = /^tasks\/channels\/(\w+)\//.exec(path)?.[1]
    if (own === undefined) return []
    return imports
      .filter(({ from }) => /^tasks\/channels\/\w+\//.test(from) && !from.startsWith(`tasks/channels/${own}/`))
      .map(({ from }) => `${path} ${from}`)
  })
  expect(crossed).toEqual([])
})
