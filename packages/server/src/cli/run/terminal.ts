// What stands before a terminal of its own with `--mask`, between `script` and the child: says outside how the child goes, which `script` alone could not. Loads nothing
// of the product.
import { startChild } from './child.ts'
import { sayStarted, tell } from './tell.ts'

const [, , , ...command] = process.argv

tell(async () => {
  const child = await startChild(command, { env: process.env, grouping: 'terminal', note: () => undefined })
  sayStarted()
  return child.ended
})
