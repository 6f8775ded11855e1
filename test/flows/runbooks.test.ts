// The runbooks (P144): every component and every check has its page, every page its four parts, every alert its page, and every command in them exists.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { commandLine } from '../../packages/server/src/cli/program.ts'
import { proxyProbe } from '../../packages/server/src/main/node/probe.ts'
import { relayProbe } from '../../packages/server/src/relay/status/probe.ts'
import {
  certificateProbe,
  databaseProbe,
  queueProbe,
  recordProbe,
  schemaProbe,
  securityTxtProbe,
  webhooksProbe,
} from '../../packages/server/src/status/probe.ts'
import { RUNBOOK_NAMES, runbookOf } from '../../packages/server/src/status/runbook.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = `${root}docs/runbooks/`
const pages = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md')
const textOf = (page: string) => readFileSync(folder + page, 'utf8')

const never = () => {
  throw new Error('This probe is not asked.')
}
const PROBES = [
  ...[databaseProbe, schemaProbe, queueProbe({ health: never } as never), webhooksProbe, recordProbe],
  ...[certificateProbe(never), securityTxtProbe('none'), proxyProbe, relayProbe],
]

/** The codes of the doctor's page. */
const CODES = [...readFileSync(`${root}docs/doctor.md`, 'utf8').matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) =>
  [...(cell as string).matchAll(/`([a-z_.]+)`/g)].map(([, code]) => code as string),
)

test('P144 every component of the status page and every check of the doctor has its page, and no page is for nothing', () => {
  const names = [...PROBES.map(({ name }) => name), ...CODES]
  expect(names.length).toBeGreaterThan(20)
  for (const name of names) {
    const page = runbookOf(name)
    expect([name, page !== null && existsSync(root + page)]).toEqual([name, true])
  }
  // And what the list names is what there is.
  expect(RUNBOOK_NAMES.filter((name) => !names.includes(name))).toEqual([])
  const index = readFileSync(`${folder}README.md`, 'utf8')
  for (const page of pages) expect([page, index.includes(`](${page})`)]).toEqual([page, true])
  for (const name of RUNBOOK_NAMES) {
    const line = index.split('\n').find((one) => one.includes(`(${(runbookOf(name) as string).replace('docs/runbooks/', '')})`))
    const title = PROBES.find((probe) => probe.name === name)?.title
    expect([name, line?.includes(title ?? `\`${name}\``)]).toEqual([name, true])
  }
})

test.each(pages)('P144 the page %s says what one sees, where to look, how to mend it and what comes afterwards', (page) => {
  const text = textOf(page)
  expect([...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual(['What you see', 'Look', 'Mend', 'Afterwards'])
  const parts = text.split(/^## .*$/m).slice(1)
  for (const part of parts) expect(part.trim().length).toBeGreaterThan(20)
  expect([...text.matchAll(/^```(.+)$/gm)].filter(([, mark]) => mark !== 'sh' && mark !== 'sh act')).toEqual([])
  for (const [, to] of text.matchAll(/\]\(([a-z-]+\.md)\)/g)) expect(pages).toContain(to)
  // What only looks can be run as it stands.
  for (const [, block] of text.matchAll(/^```sh\n([\s\S]*?)^```/gm)) expect(block).not.toMatch(/[<…]/)
})

test('P144 each command of the runbooks exists, with its options and as many words behind it', () => {
  const { program } = commandLine()
  const lines = pages.flatMap((page) =>
    [...textOf(page).matchAll(/^```sh(?: act)?\n([\s\S]*?)^```/gm)].flatMap(([, block]) =>
      (block as string)
        .trim()
        .split('\n')
        .map((line) => ({ page, line })),
    ),
  )
  expect(lines.length).toBeGreaterThan(40)
  for (const { page, line } of lines) {
    const [first, ...words] = line.split(/\s+/)
    expect([page, line, first]).toEqual([page, line, 'countersign'])
    let command = program
    while (words.length > 0) {
      const next = command.commands.find((one) => one.name() === words[0])
      if (!next) break
      command = next
      words.shift()
    }
    expect([page, line, command !== program]).toEqual([page, line, true])
    const known = [...command.options, ...program.options]
    let positional = 0
    while (words.length > 0) {
      const word = words.shift() as string
      if (!word.startsWith('--')) {
        positional++
        continue
      }
      const option = known.find((one) => one.long === word)
      expect([page, line, word, option !== undefined]).toEqual([page, line, word, true])
      if (option?.required) words.shift()
    }
    const wanted = command.registeredArguments.filter(({ required }) => required).length
    expect([page, line, positional >= wanted, positional <= command.registeredArguments.length]).toEqual([page, line, true, true])
    for (const option of command.options.filter(({ mandatory }) => mandatory))
      expect([page, line, line.includes(option.long as string)]).toEqual([page, line, true])
  }
})

test('P144 each component has an alert, and each alert names a page that exists', () => {
  const text = readFileSync(`${root}examples/prometheus/alerts.yaml`, 'utf8')
  const rules = text
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((rule) => ({
      alert: rule.split('\n')[0],
      expr: /^ +expr: (.*)$/m.exec(rule)?.[1] ?? '',
      runbook: /^ +runbook: (.*)$/m.exec(rule)?.[1] ?? '',
    }))
  for (const { alert, runbook } of rules) expect([alert, runbook !== '' && existsSync(root + runbook)]).toEqual([alert, true])
  for (const { name } of PROBES) {
    const rule = rules.find(({ expr }) => expr.includes(`component="${name}"`))
    expect([name, rule?.runbook]).toEqual([name, runbookOf(name)])
  }
})
