// The first question of an agent, in the language of the folder that `countersign dev` was started in. It finds the server by itself wherever the SDK runs; elsewhere it is two
// plain requests. The same question as in the README and on the empty inbox.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export type Runtime = 'node' | 'typescript' | 'bun' | 'deno' | 'python'

const SIGNS: readonly [Runtime, readonly string[]][] = [
  ['bun', ['bun.lock', 'bun.lockb', 'bunfig.toml']],
  ['deno', ['deno.json', 'deno.jsonc', 'deno.lock']],
  ['typescript', ['tsconfig.json']],
  ['node', ['package.json']],
  ['python', ['pyproject.toml', 'requirements.txt', 'setup.py', 'Pipfile', 'uv.lock']],
]

/** By what lies in the folder; Node where nothing speaks for another. */
export const runtimeOf = (folder: string): Runtime =>
  SIGNS.find(([, files]) => files.some((name) => existsSync(join(folder, name))))?.[0] ?? 'node'

export type Snippet = { file: string; run: string; text: string }

export function snippetFor(runtime: Runtime): Snippet {
  if (runtime === 'python') return { file: 'ask.py', run: 'COUNTERSIGN_KEY=<agent key> python3 ask.py', text: PYTHON }
  const from = runtime === 'deno' ? 'npm:@countersign/sdk' : '@countersign/sdk'
  const text = SDK.replace('@countersign/sdk', from)
  switch (runtime) {
    case 'bun':
      return { file: 'ask.ts', run: 'bun ask.ts', text }
    case 'deno':
      return { file: 'ask.ts', run: 'deno run -A ask.ts', text }
    case 'typescript':
      return { file: 'ask.ts', run: 'npx tsx ask.ts', text }
    default:
      return { file: 'ask.mjs', run: 'node ask.mjs', text }
  }
}

const SDK = `import { awaitHuman } from '@countersign/sdk'

const answer = await awaitHuman({
  task: 'Refund order 1042?',
  payload: { order: 1042, amount: 240, currency: 'EUR', reason: 'parcel lost' },
  response: {
    type: 'object',
    properties: { approved: { type: 'boolean' }, note: { type: 'string', maxLength: 500 } },
    required: ['approved'],
  },
  timeout: '2h',
})
console.log(answer)
`

const PYTHON = `import json, os, urllib.request

def call(path, body=None):
    request = urllib.request.Request(
        "<url>/api/v1" + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["COUNTERSIGN_KEY"], "Content-Type": "application/json"},
    )
    return json.load(urllib.request.urlopen(request))

task = call("/tasks", {
    "task": "Refund order 1042?",
    "payload": {"order": 1042, "amount": 240, "currency": "EUR", "reason": "parcel lost"},
    "response_schema": {
        "type": "object",
        "properties": {"approved": {"type": "boolean"}, "note": {"type": "string", "maxLength": 500}},
        "required": ["approved"],
    },
    "timeout_seconds": 7200,
})
while task["status"] in ("open", "verifying", "returned", "revising"):
    task = call(f"/tasks/{task['id']}/poll") | {"id": task["id"]}
print(task["response"])
`
