#!/usr/bin/env node
// Starts the countersign command from dist/. In a checkout it builds first when a source is newer; an installed package has only dist/.
import { existsSync } from 'node:fs'

const build = new URL('../../../scripts/build.mjs', import.meta.url)
if (existsSync(build)) await (await import(build)).buildIfStale()
await import(new URL('../dist/cli.js', import.meta.url))
