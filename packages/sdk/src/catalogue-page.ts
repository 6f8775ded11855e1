// Renders the catalogue as docs/errors.md. It promises every code once, in the order of its status; it writes no file itself.

import { type CatalogueEntry, CLIENT_PROBLEMS, PROBLEMS } from './catalogue.ts'

const RETRY = { no: 'no', after: 'after `Retry-After`', later: 'later', same: 'same key' } as const

const row = ([code, entry]: [string, CatalogueEntry]) =>
  `| <a id="${code}"></a>\`${code}\` | ${entry.status || '–'} | ${entry.title} | ${RETRY[entry.retry]} | ${entry.advice.replaceAll('|', '\\|')} |`

const table = (problems: Record<string, CatalogueEntry>) => {
  const rows = Object.entries(problems).sort(([, a], [, b]) => a.status - b.status)
  return ['| Code | Status | Title | Repeat | What to do |', '|---|---|---|---|---|', ...rows.map(row)].join('\n')
}

export function errorsMarkdown(): string {
  return `# Errors

<!-- Generated from packages/sdk/src/catalogue.ts by \`npm run generate\`. Do not edit. -->

Every refusal is \`application/problem+json\` (RFC 9457) with \`type\`, \`title\`, \`status\`, \`code\`, \`request_id\`, often a \`detail\`, and
members of its own. \`code\` is what a program should look at. Field errors stand in \`errors: [{ path, code, message }]\`, all of them;
\`path\` is a JSON Pointer into the body, or the bare name of a query or header field.

The column *Repeat* says whether the same call can succeed without a change: *no*; *after \`Retry-After\`*; *later*, with growing pauses;
*same key*, because it is unknown whether something was done, so repeat exactly the same call with the same \`Idempotency-Key\`.

## From the server

${table(PROBLEMS)}

## From the SDK

These never travel. The SDK throws them when no server could say what happened, or when a task was settled without an answer.

${table(CLIENT_PROBLEMS)}
`
}
