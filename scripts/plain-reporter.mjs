// Prints the last line of a test run in a form that any tool can read.
export default class PlainReporter {
  onTestRunEnd(modules, errors) {
    const count = { passed: 0, failed: errors.length, skipped: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state === 'pending' ? 'failed' : test.result().state]++
      count.failed += module.errors().length
    }
    process.on('exit', () => process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`))
  }
}
